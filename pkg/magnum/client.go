package magnum

import (
	"context"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// ServiceType is Magnum's type in Keystone's catalogue.
const ServiceType = "container-infra"

// microversion is the first that knows node groups.
const microversion = "container-infra 1.9"

// Credentials are what requests are sent with: keystone.Client has these methods.
type Credentials interface {
	// Endpoint returns the URL of a service by its type.
	Endpoint(ctx context.Context, serviceType string) (string, error)
	// ServiceToken returns a token of the service's own.
	ServiceToken(ctx context.Context) (string, error)
	// RenewServiceToken returns another than the refused one.
	RenewServiceToken(ctx context.Context, refused string) (string, error)
}

// Client sends requests to Magnum. It is safe for concurrent use.
type Client struct {
	creds Credentials
	http  http.Client
}

// New returns a client. transport nil: http.DefaultTransport.
func New(creds Credentials, transport http.RoundTripper) *Client {
	// A redirect would carry the token in our header to wherever it points.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{creds: creds, http: http.Client{Transport: transport, CheckRedirect: stay}}
}

// send makes a request with the service's token, and once more with a new one if Magnum refuses
// that: it was revoked, or Keystone's keys changed. So f must be idempotent.
func (c *Client) send(
	ctx context.Context, op, cluster string, f func(ctx context.Context, magnum *gophercloud.ServiceClient) error,
) error {
	endpoint, err := c.creds.Endpoint(ctx, ServiceType)
	if err != nil {
		return &Error{Op: op, Cluster: cluster, Err: err}
	}
	token, err := c.creds.ServiceToken(ctx)
	if err != nil {
		return &Error{Op: op, Cluster: cluster, Err: err}
	}
	err = f(ctx, c.with(endpoint, token))
	if gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		if token, err = c.creds.RenewServiceToken(ctx, token); err != nil {
			return &Error{Op: op, Cluster: cluster, Err: err}
		}
		err = f(ctx, c.with(endpoint, token))
	}
	return failure(op, cluster, err)
}

func (c *Client) with(endpoint, token string) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: token, HTTPClient: c.http},
		Endpoint:       gophercloud.NormalizeURL(endpoint),
		Type:           ServiceType,
		MoreHeaders:    map[string]string{"OpenStack-API-Version": microversion},
	}
}
