// Package swift reads and writes the objects of one account of OpenStack Swift.
package swift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Token returns the token to send requests with. refused is the token that Swift has just refused,
// "" for none: Token then returns another, where there is one.
type Token func(ctx context.Context, refused string) (string, error)

// Endpoint returns the URL of the account, as the catalogue has it.
type Endpoint func(ctx context.Context) (string, error)

// Config is what a Client needs.
type Config struct {
	Token    Token
	Endpoint Endpoint
	HTTP     *http.Client // nil: one of NewHTTP, with the system's certificates
}

// Client sends requests to Swift. It is safe for concurrent use.
type Client struct{ cfg Config }

// New returns a client. It sends no request.
func New(cfg Config) *Client {
	if cfg.HTTP == nil {
		cfg.HTTP = defaultHTTP
	}
	return &Client{cfg: cfg}
}

// With returns a client that shares the connections of this one, for an account by its URL and one
// token, which no other takes the place of.
func (c *Client) With(token, endpoint string) *Client {
	return New(Config{Token: Fixed(token), Endpoint: At(endpoint), HTTP: c.cfg.HTTP})
}

// Fixed is one token and no other.
func Fixed(token string) Token {
	return func(context.Context, string) (string, error) { return token, nil }
}

// At is one account's URL.
func At(endpoint string) Endpoint {
	return func(context.Context) (string, error) { return endpoint, nil }
}

var defaultHTTP = NewHTTP(http.DefaultTransport.(*http.Transport))

const (
	connectTimeout = 5 * time.Second
	headerTimeout  = 30 * time.Second // from the end of a request to its answer's beginning
	idlePerHost    = 32
)

// NewHTTP returns an HTTP client that suits Swift, with the transport's certificates and proxies.
// It follows no redirect: Go would send the token along.
func NewHTTP(like *http.Transport) *http.Client {
	transport := like.Clone()
	transport.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext
	transport.ResponseHeaderTimeout, transport.MaxIdleConnsPerHost = headerTimeout, idlePerHost
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// request sends a request, and sends it again with another token when Swift refuses the first and
// there is another.
func (c *Client) request(ctx context.Context, what Error, do func(*gophercloud.ServiceClient) error) error {
	endpoint, err := c.cfg.Endpoint(ctx)
	if err != nil {
		return fmt.Errorf("swift: endpoint: %w", err)
	}
	token, err := c.cfg.Token(ctx, "")
	if err != nil {
		return fmt.Errorf("swift: token: %w", err)
	}
	err = do(c.service(what.Op, token, endpoint))
	if !gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		return what.of(err)
	}
	another, tokenErr := c.cfg.Token(ctx, token)
	if tokenErr != nil {
		return errors.Join(what.of(err), fmt.Errorf("swift: token: %w", tokenErr))
	}
	if another == token {
		return what.of(err)
	}
	return what.of(do(c.service(what.Op, another, endpoint)))
}

// service returns what sends a request of a method.
func (c *Client) service(method, token, endpoint string) *gophercloud.ServiceClient {
	s := &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: token, HTTPClient: *c.cfg.HTTP, UserAgent: userAgent()},
		Endpoint:       gophercloud.NormalizeURL(endpoint),
	}
	if method == http.MethodHead {
		// Swift ends a body that the answer to a refused HEAD does not have (eventlet: "0\r\n\r\n").
		// That would be taken for the next answer on the connection, and may spoil another project's.
		s.MoreHeaders = map[string]string{"Connection": "close"}
	}
	return s
}

func userAgent() (u gophercloud.UserAgent) {
	u.Prepend("openstack-faas")
	return u
}
