// Package trusts makes and deletes the trusts by which functions and triggers act for those who
// make them.
package trusts

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is how functions come to act for those who make them.
type Config struct {
	Maker    Maker
	Sessions *session.Sessions
	Enabled  bool     // functions that are made get one
	Excluded []string // roles that no function ever has
}

// Maker makes Keystone's trusts and deletes them. Its errors are of type *faas.Error.
type Maker interface {
	// MakeTrust has the user of the token delegate the roles to the service, in the token's
	// project.
	MakeTrust(ctx context.Context, token faas.Secret, roles []string) (trustID string, err error)
	// MakeTrustToPassOn is MakeTrust for a trust of which other services make their own.
	MakeTrustToPassOn(ctx context.Context, token faas.Secret, roles []string, ends bool) (trustID string, err error)
	DeleteTrust(ctx context.Context, trustID string) error
}

// trustMaking makes a trust of one of the kinds that there are.
type trustMaking func(ctx context.Context, token faas.Secret, roles []string) (trustID string, err error)

const (
	// trustTimeout bounds making a trust, or deleting it. Both are seen through when the caller
	// goes away.
	trustTimeout = 20 * time.Second
	// trustGrace is how long a function with a new trust may take to be recorded: then the trust
	// counts as left behind.
	trustGrace = 10 * time.Minute
)

// Trusts makes and deletes the trusts by which functions act for those who make them.
type Trusts struct {
	Config *Config // nil: functions act for nobody
	Store  *store.Store
	Log    *slog.Logger
}

// Make makes the trust by which a function of the source is to act for the caller; asked is nil
// for the roles that it has unless others are named. It is noted as left behind until the function
// is recorded with it.
func (t *Trusts) Make(
	ctx context.Context, id faas.Identity, source faas.CodeSource, asked *[]string,
) (store.FunctionTrust, error) {
	roles, err := t.rolesFor(id, source, asked)
	if err != nil || len(roles) == 0 {
		return store.FunctionTrust{}, err
	}
	return t.withRoles(ctx, id, roles, t.Config.Maker.MakeTrust)
}

// MakeForTrigger makes the trust by which a trigger acts for the caller in the project, with all
// the roles that may be delegated.
func (t *Trusts) MakeForTrigger(
	ctx context.Context, id faas.Identity, g faas.Trigger,
) (trustID string, err error) {
	refused := ""
	switch {
	case t.Config == nil:
		refused = "this deployment does not use Keystone."
	case !t.Config.Enabled:
		refused = "this deployment does not delegate roles."
	case id.Delegate:
		refused = "your token is itself delegated, by a trust or an application credential, and cannot delegate roles again."
	}
	if refused != "" {
		return "", faas.Errorf(
			faas.Invalid,
			"A trigger of this source acts in your project by roles of yours, and %s",
			refused,
		)
	}
	roles, err := t.delegable(id, nil)
	if err != nil {
		return "", err
	}
	if len(roles) == 0 {
		return "", faas.Errorf(faas.Invalid, "A trigger of this source acts in your project by roles of yours, and you have "+
			"none that may be delegated.")
	}
	making := t.Config.Maker.MakeTrust
	if passOn := PassedOn(g); passOn != notPassedOn {
		making = func(ctx context.Context, token faas.Secret, roles []string) (string, error) {
			return t.Config.Maker.MakeTrustToPassOn(ctx, token, roles, passOn == passedOnToZaqar)
		}
	}
	made, err := t.withRoles(ctx, id, roles, making)
	return made.ID, err
}

// withRoles makes a trust with the roles.
func (t *Trusts) withRoles(
	ctx context.Context, id faas.Identity, roles []string, making trustMaking,
) (store.FunctionTrust, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trustTimeout)
	defer cancel()
	trustID, err := making(ctx, id.Token, roles)
	if err != nil {
		return store.FunctionTrust{}, err
	}
	made := store.FunctionTrust{ID: trustID, Roles: roles}
	if err := t.Store.ScheduleTrustDeletion(ctx, trustID, trustGrace); err != nil {
		t.Delete(ctx, trustID)
		return store.FunctionTrust{}, err
	}
	t.Config.Sessions.Prefetch(trustID)
	return made, nil
}

// rolesFor returns the roles that a function is to have; none means that it acts for nobody. What
// was asked for and cannot be is refused.
func (t *Trusts) rolesFor(id faas.Identity, source faas.CodeSource, asked *[]string) ([]string, error) {
	if asked != nil && len(*asked) == 0 {
		return nil, nil
	}
	refused := ""
	switch {
	case t.Config == nil:
		refused = "this deployment does not use Keystone."
	case !t.Config.Enabled:
		refused = "this deployment does not delegate roles to functions."
	case source == faas.SourceImage:
		refused = "a function of a container image cannot use them."
	case id.Delegate:
		refused = "your token is itself delegated, by a trust or an application credential, and cannot delegate roles again."
	}
	if refused == "" {
		return t.delegable(id, asked)
	}
	if asked != nil {
		return nil, faas.Errorf(faas.Invalid, "The function can not have roles: %s", refused)
	}
	return nil, nil
}

// delegable checks the roles that were asked for, or returns those of the caller that functions may
// have.
func (t *Trusts) delegable(id faas.Identity, asked *[]string) ([]string, error) {
	excluded := t.Config.Excluded
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
				maxRoles, maxRoleText, request.V11,
			)
		}
		return roles, nil
	}
	for _, role := range *asked {
		if slices.Contains(excluded, role) {
			return nil, faas.Errorf(
				faas.Invalid, "A function can not have the role %s: this deployment excludes it.", request.Short(role),
			)
		}
		if !id.HasRole(role) {
			return nil, faas.Errorf(
				faas.Invalid, "You can not give a function the role %s: you do not have it in this project.",
				request.Short(role),
			)
		}
	}
	return *asked, nil
}

// Withdraw deletes a trust whose function was not recorded. Where that is in doubt the note
// decides, when it is due.
func (t *Trusts) Withdraw(ctx context.Context, trustID string, failure error) {
	switch faas.KindOf(failure) {
	case faas.Unavailable, faas.Internal:
	default:
		t.Delete(ctx, trustID)
	}
}

// Unuse deletes the trust that a function had, unless one of its versions has it still.
func (t *Trusts) Unuse(ctx context.Context, trustID string) {
	if trustID == "" || t.Config == nil {
		return
	}
	inUse, err := t.Store.VersionHasTrust(ctx, trustID)
	switch {
	case err != nil:
		t.Log.Warn("a trust is left to an engine to delete: nobody says whether it is in use", "trust_id", trustID,
			"error", err)
	case !inUse:
		t.Delete(ctx, trustID)
	}
}

// Delete deletes a trust that is noted as left behind, "" being none. Where that fails an
// engine goes on trying.
func (t *Trusts) Delete(ctx context.Context, trustID string) {
	if trustID == "" || t.Config == nil {
		return
	}
	t.Config.Sessions.Forget(trustID)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trustTimeout)
	defer cancel()
	err := t.Config.Maker.DeleteTrust(ctx, trustID)
	if err == nil {
		err = t.Store.WithdrawDue(ctx, store.TrustDeletion, trustID)
	}
	if err != nil {
		t.Log.Warn("a trust could not be deleted; an engine will", "trust_id", trustID, "error", err)
	}
}
