package auth

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Keystone takes callers for whom Keystone says that their token is of: auth_strategy =
// keystone.
type Keystone struct {
	Client       *keystone.Client
	ServiceRoles []string // of which a service that passes a request on must have one
	RolesMust    bool     // refuse a service that has none, rather than pass over its token
}

const (
	authTokenHeader    = "X-Auth-Token"    //nolint:gosec // a name
	serviceTokenHeader = "X-Service-Token" //nolint:gosec // a name

	// keystoneRetry is when callers are told to try again while Keystone is away.
	keystoneRetry = 2 * time.Second
)

// Authenticate asks Keystone, or remembers what it said. Its error is of kind faas.Unauthenticated,
// or faas.Unavailable while Keystone cannot be asked.
func (k *Keystone) Authenticate(r *http.Request) (faas.Identity, error) {
	text := r.Header.Get(authTokenHeader)
	if text == "" {
		return faas.Identity{}, faas.Errorf(
			faas.Unauthenticated, "The request has no token: send one from Keystone in the header %s.",
			authTokenHeader,
		)
	}
	service, trusted, err := k.service(r)
	if err != nil {
		return faas.Identity{}, err
	}
	token, err := k.Client.Validate(r.Context(), text)
	if trusted && errors.Is(err, keystone.ErrInvalidToken) {
		token, err = k.Client.ValidateExpired(r.Context(), text) // the service goes on with what its user began in time
	}
	if err != nil {
		return faas.Identity{}, unproven(err, "The token")
	}
	if !token.Scoped() {
		return faas.Identity{}, faas.Errorf(
			faas.Unauthenticated, "The token is unscoped: get one for a project, a domain or the system.",
		)
	}
	if c := token.AppCredential; c != nil && len(c.Rules) > 0 && !allowed(c.Rules, r) {
		return faas.Identity{}, faas.Errorf(
			faas.Unauthenticated,
			"The access rules of the token's application credential do not allow this request.",
		)
	}
	id := identityOf(token)
	id.Token, id.Service = faas.Secret(text), service
	return id, nil
}

// service returns the user id of the service that passes the request on, "" for none, and whether
// it is one to be trusted with expired tokens.
func (k *Keystone) service(r *http.Request) (userID string, trusted bool, err error) {
	text := r.Header.Get(serviceTokenHeader)
	if text == "" {
		return "", false, nil
	}
	token, err := k.Client.Validate(r.Context(), text)
	if err != nil {
		return "", false, unproven(err, "The service's token in "+serviceTokenHeader)
	}
	if token.HasAnyRole(k.ServiceRoles) {
		return token.UserID, true, nil
	}
	if k.RolesMust {
		return "", false, faas.Errorf(
			faas.Unauthenticated, "The service's token in %s has none of the roles that a service needs: %s.",
			serviceTokenHeader, strings.Join(k.ServiceRoles, ", "),
		)
	}
	return "", false, nil
}

// unproven is what callers are told of an error of keystone.Client.
func unproven(err error, what string) error {
	switch {
	case errors.Is(err, keystone.ErrInvalidToken):
		return faas.Errorf(
			faas.Unauthenticated,
			"%s is not valid: it has expired, was revoked, or never existed. Get a new one from Keystone.",
			what,
		)
	case errors.Is(err, keystone.ErrUnavailable):
		e := faas.Errorf(
			faas.Unavailable, "Keystone cannot be reached now, so that the token cannot be validated; try again later.",
		).
			WithCause(err)
		e.RetryAfter = keystoneRetry
		return e
	}
	return err
}

func identityOf(t *keystone.Token) faas.Identity {
	return faas.Identity{
		UserID: t.UserID, ProjectID: t.ProjectID, DomainID: t.DomainID, Roles: t.RoleNames(), System: t.System,
		Expires: t.ExpiresAt,
		// Keystone lets no application credential make trusts, unrestricted ones included, unless
		// its operator opts for that escalation. Releases without a security update let these.
		Delegate: t.TrustID != "" || t.AppCredential != nil,
	}
}
