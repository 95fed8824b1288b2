package api

import (
	"net/http"

	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// admission decides, before a handler sees a request, whether its caller may make it and whether
// there is memory for it.
type admission struct {
	auth   auth.Authenticator
	policy *policy.Enforcer
	memory *memory.Budget // of requests under way
	bodies fields.Bodies
}

// admit establishes who sends the request, asks the route's rule and counts what the request brings.
// It notes identity and grant in info; whoever calls it releases the grant, with an error too.
func (a *admission) admit(rt route, r *http.Request, info *request.Info) error {
	if info.VersionErr != nil {
		return info.VersionErr
	}
	id, err := a.auth.Authenticate(r)
	if err != nil {
		return err
	}
	info.Identity = id
	if err := a.policy.Allow(r.Context(), id, rt.rule, policy.Target{ProjectID: id.ProjectID}); err != nil {
		return err
	}
	if info.Grant, err = a.memory.Enter(id.ProjectID, memory.RequestCost+a.bodies.Cost(r)); err != nil {
		a.bodies.PassOver(r)
		return err
	}
	if rt.method == http.MethodPost && id.ProjectID == "" { // a token for a domain or the system
		return faas.Errorf(
			faas.Forbidden,
			"Operation not allowed: a token scoped to a project is required.",
		)
	}
	return nil
}
