package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// readOne reads what a request names: of the caller's project, and where it is another's, of that
// one if the caller may list such things of it. Every GET of a thing by its id or name reads so.
func readOne[T any](
	r *http.Request, rules *policy.Enforcer, id faas.Identity, read func(faas.Scope) (T, error),
) (T, error) {
	one, err := read(faas.ProjectScope(id))
	if elsewhere := seenElsewhere(r, rules, id, err); elsewhere != nil {
		return read(faas.OneProject(elsewhere.ProjectID))
	}
	return one, err
}

// refusal turns the NotFound error about another project's thing into a refusal, for callers who
// may read it: they know that it is there. To all others it stays one that is not found.
func refusal(r *http.Request, rules *policy.Enforcer, id faas.Identity, err error) error {
	elsewhere := seenElsewhere(r, rules, id, err)
	if elsewhere == nil {
		return err
	}
	return faas.Errorf(
		faas.Forbidden, "Operation not allowed: the %s is another project's; its members may change it.",
		elsewhere.Noun,
	).WithCause(err)
}

// seenElsewhere returns where the thing is that err is about; nil unless it is in a project whose
// things of the kind the caller may list.
func seenElsewhere(r *http.Request, rules *policy.Enforcer, id faas.Identity, err error) *faas.Elsewhere {
	var elsewhere *faas.Elsewhere
	if !errors.As(err, &elsewhere) {
		return nil
	}
	rule := strings.ReplaceAll(elsewhere.Noun, " ", "_") + ":get_all:all_projects"
	mayList := rules.Allow(r.Context(), id, rule, policy.Target{ProjectID: elsewhere.ProjectID}) == nil
	if !mayList {
		return nil
	}
	return elsewhere
}
