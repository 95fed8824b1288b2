package keystone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"
)

// Trust lets the service act for a user in a project.
type Trust struct {
	ID        string
	TrustorID string
	ProjectID string
	Roles     []Role
}

// TrustRequest is what a user delegates.
type TrustRequest struct {
	Roles []Role // found by id, or where it is empty by name; among those of the user's token
	// PassOn lets other services, which the service asks for something by the trust, make trusts of
	// their own of it: for the same roles, and gone with it. Keystone has the service's token show
	// implied roles, and refuses to pass on roles that Roles does not name.
	PassOn    bool
	ExpiresAt time.Time // never when zero
}

// delegation is trusts, by which the service acts for users.
type delegation struct {
	*validator

	proof *passwordProof
}

// CreateTrust creates a trust by which the token's user delegates roles in the token's project to
// the service. The service then acts as that user. The token must not itself come from a trust or
// an application credential. Errors are ErrInvalidToken, ErrForbidden and ErrUnavailable. After
// ErrUnavailable the trust may exist all the same.
func (d *delegation) CreateTrust(ctx context.Context, userToken string, req TrustRequest) (Trust, error) {
	user, err := d.Validate(ctx, userToken)
	if err != nil {
		return Trust{}, err
	}
	if user.ProjectID == "" || len(req.Roles) == 0 {
		return Trust{}, fmt.Errorf("a trust is for a project and at least one role in it: %w", ErrForbidden)
	}
	own, err := d.service(ctx)
	if err != nil {
		return Trust{}, err
	}
	opts := trusts.CreateOpts{
		Impersonation: true,
		TrusteeUserID: own.userID,
		TrustorUserID: user.UserID,
		ProjectID:     user.ProjectID,
	}
	if req.PassOn {
		opts.AllowRedelegation, opts.RedelegationCount = true, 1
	}
	if !req.ExpiresAt.IsZero() {
		at := req.ExpiresAt.UTC()
		opts.ExpiresAt = &at
	}
	for _, r := range req.Roles {
		role := trusts.Role{ID: r.ID}
		if r.ID == "" {
			role.Name = r.Name
		}
		opts.Roles = append(opts.Roles, role)
	}
	var made *trusts.Trust
	err = d.ask(ctx, "making a trust", false, func(ctx context.Context) (err error) {
		made, err = trusts.Create(ctx, d.identity(userToken), opts).Extract()
		return failure("making a trust", err, true)
	})
	if errors.Is(err, ErrNotFound) { // a role, which may exist but is not the user's
		return Trust{}, fmt.Errorf("%w: %w", ErrForbidden, opaque(err))
	}
	if err != nil {
		return Trust{}, err
	}
	t := Trust{ID: made.ID, TrustorID: made.TrustorUserID, ProjectID: made.ProjectID}
	for _, r := range made.Roles {
		t.Roles = append(t.Roles, Role{ID: r.ID, Name: r.Name})
	}
	return t, nil
}

// TrustToken is a token by which the service acts for a trustor.
type TrustToken struct {
	Token     string
	ExpiresAt time.Time
	UserID    string // the trustor
	ProjectID string
	AuthURL   string            // Keystone's v3 API as users reach it
	Region    string            // whose endpoints these are; "" where no region was chosen
	Endpoints map[string]string // public URLs by type of service
}

// TrustToken gets a token by a trust, with a request each time. Errors are ErrNotFound for a trust
// that is no more, ErrForbidden for one that is of no use because its user or project is disabled
// or its user lost a role, and ErrUnavailable.
func (d *delegation) TrustToken(ctx context.Context, trustID string) (TrustToken, error) {
	if d.proof.password.broken() { // each failed login counts towards a lockout
		if err := d.proof.proven(ctx); err != nil {
			return TrustToken{}, err
		}
	}
	var own *ownToken
	err := d.ask(ctx, "getting a token by a trust", true, func(ctx context.Context) (err error) {
		own, err = d.authenticate(ctx, "getting a token by a trust", tokens.Scope{TrustID: trustID})
		return err
	})
	if status(err) == http.StatusUnauthorized {
		return TrustToken{}, d.whyNot(ctx, trustID, err)
	}
	if err != nil {
		return TrustToken{}, err
	}
	t := TrustToken{
		Token: own.id, ExpiresAt: own.expires, UserID: own.userID, ProjectID: own.projectID, AuthURL: d.AuthURL(),
		Region: d.cfg.Region, Endpoints: map[string]string{},
	}
	for _, service := range own.catalogue {
		if endpoint, err := pick(own.catalogue, service.Type, "public", d.cfg.Region); err == nil {
			t.Endpoints[service.Type] = endpoint
		}
	}
	if identity := t.Endpoints["identity"]; identity != "" {
		if base, err := baseURL(identity); err == nil {
			t.AuthURL = strings.TrimSuffix(base, "/")
		}
	}
	return t, nil
}

// whyNot finds the reason for a 401, which Keystone answers in three cases: the trust was deleted,
// the trust can no longer be used, or the service's own password is refused. The last case shows
// nowhere else while the service's token lasts.
func (d *delegation) whyNot(ctx context.Context, trustID string, refusal error) error {
	const op = "reading a trust"
	err := d.asService(ctx, op, func(ctx context.Context, own string) error {
		return failure(op, trusts.Get(ctx, d.identity(own), trustID).Err, true)
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) {
		return err
	}
	if err := d.proof.proven(ctx); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", ErrForbidden, opaque(refusal))
}

// DeleteTrust deletes a trust. It is no error when there is none. Keystone allows that to the
// trustor and to administrators. The service uses its own token, for there may be no other, so its
// user needs the role admin in its project; without it the error is ErrForbidden.
func (d *delegation) DeleteTrust(ctx context.Context, trustID string) error {
	err := d.asService(ctx, "deleting a trust", func(ctx context.Context, own string) error {
		return failure("deleting a trust", trusts.Delete(ctx, d.identity(own), trustID).Err, true)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
