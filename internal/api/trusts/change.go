package trusts

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// whoseLife is how long a token must last that is looked at only for whose it is.
const whoseLife = time.Minute

// Changed returns the trust by which a function is to act after a change; nil leaves the one
// that it has. asked are the roles that the request names, nil for none.
//
// Whoever decides what code runs can do all that its trust allows. So a trust never outlives a
// change of the code by somebody else than the user who gave it, or by a token with fewer roles:
// the trust is made anew, by the caller and with the same roles, and a caller who cannot give those
// is refused and learns what to do.
func (t *Trusts) Changed(
	ctx context.Context, id faas.Identity, before faas.Function, change store.FunctionChange, asked *[]string,
) (*store.FunctionTrust, error) {
	if asked == nil {
		if before.TrustID == "" || t.Config == nil || !ChangesCode(before, change) {
			return nil, nil
		}
		own, err := t.givenBy(ctx, id, before)
		if err != nil || own {
			return nil, err
		}
		if !t.Config.Enabled { // the operator wants no further trusts
			return &store.FunctionTrust{}, nil
		}
		if err := mayInherit(id, before); err != nil {
			return nil, err
		}
		asked = &before.TrustRoles
	}
	trust, err := t.Make(ctx, id, before.Code.Source, asked)
	if err != nil {
		return nil, err
	}
	return &trust, nil
}

// ChangesCode reports whether the change may have other code run, or have it do something else: its
// entry may name any module that the runtime has, and what code does follows its environment.
func ChangesCode(before faas.Function, change store.FunctionChange) bool {
	return change.Code != nil || change.Entry != nil && *change.Entry != before.Entry ||
		change.Environment != nil && *change.Environment != before.Environment ||
		change.Secrets != nil && *change.Secrets != before.Secrets
}

// givenBy reports whether the caller could have given the function its trust: it is this user's,
// and the token has all of its roles. A trust that is of no use any more, because its user is gone,
// say, is nobody's.
func (t *Trusts) givenBy(ctx context.Context, id faas.Identity, f faas.Function) (bool, error) {
	if len(missingRoles(id, f.TrustRoles)) > 0 {
		return false, nil
	}
	session, err := t.Config.Sessions.Get(ctx, f.TrustID, whoseLife)
	if faas.KindOf(err) == faas.Forbidden {
		return false, nil
	}
	return err == nil && id.UserID != "" && session.UserID == id.UserID, err
}

// mayInherit refuses a caller who cannot give a function the roles that another gave it.
func mayInherit(id faas.Identity, f faas.Function) error {
	const advice = `Ask that user to change the function, or list the roles that you delegate to it in the field ` +
		`roles, [] for none, with microversion %s.`
	if id.Delegate {
		return faas.Errorf(faas.Forbidden, "Function %s has roles that another user or another token delegated to it. "+
			"Your token is itself delegated, by a trust or an application credential, and cannot delegate them again. "+
			advice, f.ID, request.V11)
	}
	if missing := missingRoles(id, f.TrustRoles); len(missing) > 0 {
		return faas.Errorf(
			faas.Forbidden,
			"Function %s has the roles %s, which another user or another token delegated to it. "+
				"You do not have %s in this project and therefore can not change its code. "+advice,
			f.ID,
			request.Short(strings.Join(f.TrustRoles, ", ")),
			request.Short(strings.Join(missing, ", ")),
			request.V11,
		)
	}
	return nil
}

// missingRoles returns those of the roles that the caller does not have.
func missingRoles(id faas.Identity, roles []string) []string {
	return slices.DeleteFunc(slices.Clone(roles), id.HasRole)
}
