package trigger

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Cloud has clients of OpenStack's services that act in a trigger's project, for whoever made it.
type Cloud interface {
	// Client returns a client of the service of the type, with a token that lasts for a minute at
	// least. An error is a *faas.Error: of kind Forbidden when the trigger may not act in the project
	// any more, NotFound when this cloud has no such service, Unavailable when Keystone is away.
	Client(ctx context.Context, t faas.Trigger, serviceType string) (*gophercloud.ServiceClient, error)
}

// Trusts are the Cloud that acts by triggers' trusts. All fields are required.
type Trusts struct {
	Sessions *session.Sessions
	Keystone *keystone.Client
	HTTP     *http.Client // to the services
}

const (
	// tokenLife is how long a token lasts that a client gets.
	tokenLife = time.Minute
	// objectStore is Swift's type, whose URLs name the project.
	objectStore = "object-store"
)

// Client implements Cloud.
func (c Trusts) Client(ctx context.Context, t faas.Trigger, serviceType string) (*gophercloud.ServiceClient, error) {
	if t.TrustID == "" {
		return nil, faas.Errorf(faas.Forbidden, "Trigger %s has no trust to act in OpenStack by.", t.ID)
	}
	s, err := c.Sessions.Get(ctx, t.TrustID, tokenLife)
	if err != nil {
		return nil, err
	}
	return c.client(ctx, t.ProjectID, serviceType, s.Token.Reveal())
}

func (c Trusts) client(
	ctx context.Context, projectID, serviceType, token string,
) (*gophercloud.ServiceClient, error) {
	endpoint, err := c.endpoint(ctx, projectID, serviceType)
	switch {
	case errors.Is(err, keystone.ErrNotFound):
		return nil, faas.Errorf(faas.NotFound, "This cloud has no service of the type %s.", serviceType).WithCause(err)
	case err != nil:
		return nil, faas.Errorf(faas.Unavailable, "Keystone's catalogue can not be read.").WithCause(err)
	}
	endpoint = gophercloud.NormalizeURL(endpoint)
	return &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: token, HTTPClient: *c.HTTP},
		Type:           serviceType, Endpoint: endpoint,
	}, nil
}

func (c Trusts) endpoint(ctx context.Context, projectID, serviceType string) (string, error) {
	if serviceType == objectStore {
		return c.Keystone.EndpointFor(ctx, serviceType, projectID)
	}
	return c.Keystone.Endpoint(ctx, serviceType)
}

// Gone reports whether an error of Cloud says that the trigger can act in its project no more, so
// that there is nothing left that it could delete there.
func Gone(err error) bool {
	kind := faas.KindOf(err)
	return kind == faas.Forbidden || kind == faas.NotFound
}
