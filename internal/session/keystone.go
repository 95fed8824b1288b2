package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

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
func (k Keystone) Valid(ctx context.Context, token faas.Secret) (bool, time.Time, error) {
	known, err := k.Recheck(ctx, token.Reveal())
	switch {
	case errors.Is(err, keystone.ErrInvalidToken):
		return false, time.Now(), nil
	case err != nil:
		return false, time.Time{}, err
	}
	return true, known.ValidAsOf, nil
}

// MakeTrust has the user of the token delegate the roles to the service, in the token's project.
func (k Keystone) MakeTrust(ctx context.Context, token faas.Secret, roles []string) (trustID string, err error) {
	return k.makeTrust(ctx, token, roles, keystone.TrustRequest{})
}

// MakeTrustToPassOn is MakeTrust for a trust by which Aodh or Zaqar is asked for a trust+http
// action or subscription, so that they make one of their own of it, which is gone with it. The
// roles are all of the token's: that is what they pass on. ends is to be true for Zaqar, whose
// trusts end: Keystone lets that be only where what they are made of ends, too. For Aodh it is to
// be false: its trusts would end when this one does, and Keystone, which takes only one trust
// between two users that ends at a time, would refuse the second.
func (k Keystone) MakeTrustToPassOn(
	ctx context.Context, token faas.Secret, roles []string, ends bool,
) (trustID string, err error) {
	request := keystone.TrustRequest{PassOn: true}
	if ends {
		// Microseconds at random, for the same reason.
		request.ExpiresAt = time.Now().Add(passedOnFor + rand.N(24*time.Hour))
	}
	return k.makeTrust(ctx, token, roles, request)
}

// passedOnFor is how long a trust lasts that has to end: longer than what it is for.
const passedOnFor = 50 * 365 * 24 * time.Hour

func (k Keystone) makeTrust(
	ctx context.Context, token faas.Secret, roles []string, request keystone.TrustRequest,
) (trustID string, err error) {
	for _, name := range roles {
		request.Roles = append(request.Roles, keystone.Role{Name: name})
	}
	made, err := k.CreateTrust(ctx, token.Reveal(), request)
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
