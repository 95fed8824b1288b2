package session

import (
	"context"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Keystone is the Source that asks the real thing.
type Keystone struct{ *keystone.Client }

// TrustToken gets a new token of the trust.
func (k Keystone) TrustToken(ctx context.Context, trustID string) (Token, error) {
	t, err := k.Client.TrustToken(ctx, trustID)
	switch {
	case errors.Is(err, keystone.ErrNotFound), errors.Is(err, keystone.ErrForbidden):
		return Token{}, faas.Errorf(faas.Forbidden,
			"The function can no longer act for the user who made it: the user, the project, the user's role in it, or the trust between them is gone or disabled. Make the function anew.").WithCause(err)
	case err != nil:
		return Token{}, away(err)
	}
	return Token{
		Value: faas.Secret(t.Token), ExpiresAt: t.ExpiresAt, UserID: t.UserID, ProjectID: t.ProjectID,
		AuthURL: t.AuthURL, Region: t.Region, Endpoints: t.Endpoints,
	}, nil
}

func away(err error) error {
	e := faas.Errorf(faas.Unavailable, "Keystone cannot be asked for the function's token now.").WithCause(err)
	e.RetryAfter = unavailableFor
	return e
}
