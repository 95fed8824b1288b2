package session

import (
	"context"
	"errors"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Keystone is the Source of a real Keystone.
type Keystone struct{ *keystone.Client }

// TrustToken gets a new token of the trust.
func (k Keystone) TrustToken(ctx context.Context, trustID string) (Token, error) {
	t, err := k.Client.TrustToken(ctx, trustID)
	switch {
	case errors.Is(err, keystone.ErrNotFound), errors.Is(err, keystone.ErrForbidden):
		return Token{}, faas.Errorf(
			faas.Forbidden,
			"The function has no roles any more: the user who delegated them, the project, the user's role in it, or the "+
				"trust is deleted or disabled. Update the function with the field roles, or create it again.",
		).WithCause(err)
	case err != nil:
		return Token{}, away(err)
	}
	return Token{
		Value: faas.Secret(t.Token), ExpiresAt: t.ExpiresAt, UserID: t.UserID, ProjectID: t.ProjectID,
		AuthURL: t.AuthURL, Region: t.Region, Endpoints: t.Endpoints,
	}, nil
}

func away(err error) error {
	e := faas.Errorf(
		faas.Unavailable, "Keystone cannot be reached now, so that the function gets no token; try again later.",
	).WithCause(err)
	e.RetryAfter = unavailableFor
	return e
}

// Valid implements Source.
func (k Keystone) Valid(ctx context.Context, token faas.Secret) (bool, error) {
	_, err := k.Validate(ctx, token.Reveal())
	if errors.Is(err, keystone.ErrInvalidToken) {
		return false, nil
	}
	return err == nil, err
}

// MakeTrust has the user of the token delegate the roles to the service, in the token's project.
func (k Keystone) MakeTrust(ctx context.Context, token faas.Secret, roles []string) (trustID string, err error) {
	asked := make([]keystone.Role, len(roles))
	for i, name := range roles {
		asked[i].Name = name
	}
	made, err := k.CreateTrust(ctx, token.Reveal(), keystone.TrustRequest{Roles: asked})
	switch {
	case errors.Is(err, keystone.ErrInvalidToken):
		return "", faas.Errorf(faas.Unauthenticated, "The token is not valid any more. Get a new one from Keystone.").
			WithCause(err)
	case errors.Is(err, keystone.ErrForbidden), errors.Is(err, keystone.ErrNotFound):
		return "", faas.Errorf(
			faas.Forbidden,
			"Keystone does not let you delegate the roles %s to the function; you must have them in this project.",
			strings.Join(roles, ", "),
		).
			WithCause(err)
	case err != nil:
		e := faas.Errorf(
			faas.Unavailable,
			"Keystone cannot be reached now, so that roles cannot be delegated to the function; try again later.",
		).WithCause(err)
		e.RetryAfter = unavailableFor
		return "", e
	}
	return made.ID, nil
}

// DeleteTrust deletes a trust. It is no error when there is none.
func (k Keystone) DeleteTrust(ctx context.Context, trustID string) error {
	if err := k.Client.DeleteTrust(ctx, trustID); err != nil {
		return away(err)
	}
	return nil
}
