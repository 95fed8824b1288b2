package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/store"
)

// Trusts is how functions come to act for those who make them.
type Trusts struct {
	Maker    TrustMaker
	Sessions *session.Sessions
	Enabled  bool     // functions that are made get one
	Excluded []string // roles that no function ever has
}

// TrustMaker makes Keystone's trusts and deletes them. Its errors are of type *faas.Error.
type TrustMaker interface {
	// MakeTrust has the user of the token delegate the roles to the service, in the token's
	// project.
	MakeTrust(ctx context.Context, token faas.Secret, roles []string) (trustID string, err error)
	DeleteTrust(ctx context.Context, trustID string) error
}

const (
	// trustPatience bounds making a trust, or deleting it. Both are seen through when the caller
	// goes away.
	trustPatience = 20 * time.Second
	// trustGrace is how long a function with a new trust may take to be recorded: then the trust
	// counts as left behind.
	trustGrace = 10 * time.Minute
	// maxRoles and maxRoleText bound the roles of one function, and their names together with a
	// character between them.
	maxRoles    = 64
	maxRoleText = 2048
)

// roles returns the field roles, which forms write as the JSON text of a list; nil when it is not
// set.
func (o *object) roles() *[]string {
	raw, ok := o.get("roles")
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var roles []string
	if json.Unmarshal(raw, &roles) != nil || roles == nil {
		o.refuse(`roles must be a JSON list of the names of roles, such as ["member"]; it is %s.`, short(string(raw)))
		return nil
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	if len(roles) > maxRoles || len(strings.Join(roles, ",")) > maxRoleText {
		o.refuse("roles must have at most %d names of %d characters together; it has %d names.",
			maxRoles, maxRoleText, len(roles))
	}
	if slices.ContainsFunc(roles, func(r string) bool { return r == "" || strings.Contains(r, ",") }) {
		o.refuse("Each name in roles must have at least one character and no commas.")
	}
	return &roles
}

// trust makes the trust by which a function of the source is to act for the caller; asked is nil
// for the roles that it has unless others are named. It is noted as left behind until the function
// is recorded with it.
func (s *Server) trust(
	ctx context.Context, id faas.Identity, source faas.CodeSource, asked *[]string,
) (store.FunctionTrust, error) {
	roles, err := s.rolesFor(id, source, asked)
	if err != nil || len(roles) == 0 {
		return store.FunctionTrust{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trustPatience)
	defer cancel()
	trustID, err := s.cfg.Trusts.Maker.MakeTrust(ctx, id.Token, roles)
	if err != nil {
		return store.FunctionTrust{}, err
	}
	made := store.FunctionTrust{ID: trustID, Roles: roles}
	if err := s.cfg.Store.ScheduleTrustDeletion(ctx, trustID, trustGrace); err != nil {
		s.deleteTrust(ctx, trustID)
		return store.FunctionTrust{}, err
	}
	s.cfg.Trusts.Sessions.Prefetch(trustID)
	return made, nil
}

// rolesFor returns the roles that a function is to have; none means that it acts for nobody. What
// was asked for and cannot be is refused.
func (s *Server) rolesFor(id faas.Identity, source faas.CodeSource, asked *[]string) ([]string, error) {
	if asked != nil && len(*asked) == 0 {
		return nil, nil
	}
	refused := ""
	switch {
	case s.cfg.Trusts == nil:
		refused = "this deployment does not use Keystone."
	case !s.cfg.Trusts.Enabled:
		refused = "this deployment does not delegate roles to functions."
	case source == faas.SourceImage:
		refused = "a function of a container image cannot use them."
	case id.Delegate:
		refused = "your token is itself delegated, by a trust or an application credential, and cannot delegate roles again."
	}
	if refused == "" {
		return s.delegable(id, asked)
	}
	if asked != nil {
		return nil, faas.Errorf(faas.Invalid, "The function can not have roles: %s", refused)
	}
	return nil, nil
}

// delegable checks the roles that were asked for, or gives those of the caller that functions may
// have.
func (s *Server) delegable(id faas.Identity, asked *[]string) ([]string, error) {
	excluded := s.cfg.Trusts.Excluded
	if asked == nil {
		roles := slices.DeleteFunc(
			slices.Clone(id.Roles),
			func(r string) bool { return slices.Contains(excluded, r) || strings.Contains(r, ",") },
		)
		slices.Sort(roles)
		if len(roles) > maxRoles || len(strings.Join(roles, ",")) > maxRoleText {
			return nil, faas.Errorf(
				faas.Invalid,
				"You have more roles than a function can have, which is %d names of %d characters together: "+
					"list those for the function in the field roles, with microversion %s.",
				maxRoles, maxRoleText, v11,
			)
		}
		return roles, nil
	}
	for _, role := range *asked {
		if slices.Contains(excluded, role) {
			return nil, faas.Errorf(
				faas.Invalid, "A function can not have the role %s: this deployment excludes it.", short(role),
			)
		}
		if !id.HasRole(role) {
			return nil, faas.Errorf(
				faas.Invalid, "You can not give a function the role %s: you do not have it in this project.",
				short(role),
			)
		}
	}
	return *asked, nil
}

// withdraw deletes a trust whose function was not recorded. Where that is in doubt the note
// decides, when it is due.
func (s *Server) withdraw(ctx context.Context, trustID string, failure error) {
	switch faas.KindOf(failure) {
	case faas.Unavailable, faas.Internal:
	default:
		s.deleteTrust(ctx, trustID)
	}
}

// deleteTrust deletes a trust that is noted as left behind, "" being none. Where that fails an
// engine goes on trying.
func (s *Server) deleteTrust(ctx context.Context, trustID string) {
	if trustID == "" || s.cfg.Trusts == nil {
		return
	}
	s.cfg.Trusts.Sessions.Forget(trustID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trustPatience)
	defer cancel()
	err := s.cfg.Trusts.Maker.DeleteTrust(ctx, trustID)
	if err == nil {
		err = s.cfg.Store.WithdrawDue(ctx, store.TrustDeletion, trustID)
	}
	if err != nil {
		s.log.Warn("a trust could not be deleted; an engine will", "trust_id", trustID, "error", err)
	}
}

// act puts into the call what its function acts with in OpenStack, if it acts for anybody.
func (s *Server) act(ctx context.Context, target faas.Target, call *faas.Call) (err error) {
	if target.TrustID != "" && s.cfg.Trusts != nil {
		call.Context, call.Renewal, err = s.cfg.Trusts.Sessions.ForCall(
			ctx, target.TrustID, s.cfg.Caller.Wait(), call.Timeout,
		)
	}
	return err
}

// fieldsSince adds what a microversion has brought to the fields of a form.
func fieldsSince(r *http.Request, since Microversion, fields []string, more ...string) []string {
	if !infoOf(r).version.AtLeast(since) {
		return fields
	}
	return append(fields, more...)
}

// functionViewer returns how a function looks to the request: with its roles from 1.1 on.
func functionViewer(r *http.Request) func(faas.Function) functionView {
	if !infoOf(r).version.AtLeast(v11) {
		return viewFunction
	}
	return func(f faas.Function) functionView {
		v, roles := viewFunction(f), f.TrustRoles
		if roles == nil {
			roles = []string{}
		}
		v.Roles = &roles
		return v
	}
}
