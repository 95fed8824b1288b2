package keystone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// connection sends requests, unless Keystone has failed a moment ago.
type connection struct {
	cfg     Config
	now     func() time.Time
	log     *slog.Logger
	http    http.Client
	base    string // ends in /v3/
	circuit circuit
	counts  counts
}

// maxConnections bounds the requests that callers with made-up tokens can cause at a time.
const maxConnections = 64

func newConnection(cfg Config) (*connection, error) {
	base, err := baseURL(cfg.AuthURL)
	if err != nil {
		return nil, err
	}
	roots, err := certificates(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{
		RootCAs:            roots,
		InsecureSkipVerify: cfg.Insecure, //nolint:gosec // the operator's choice
		MinVersion:         tls.VersionTLS12,
	}
	transport.MaxIdleConnsPerHost = maxConnections
	transport.MaxConnsPerHost = maxConnections
	return &connection{
		cfg: cfg, now: cfg.Now, log: cfg.Log, base: base,
		// A redirect would carry the tokens in our headers to wherever it points.
		http: http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// baseURL returns the URL of Keystone's v3 API with a slash at its end.
func baseURL(authURL string) (string, error) {
	u, err := url.Parse(authURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		//nolint:staticcheck // a name
		return "", errors.New("Keystone's URL must be like http://keystone.example.org:5000/v3")
	}
	path := strings.TrimRight(u.Path, "/")
	if !strings.HasSuffix(path, "/v3") {
		path += "/v3"
	}
	u.Path = path + "/"
	return u.String(), nil
}

func certificates(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // the system's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificates for Keystone: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no PEM certificate", file)
	}
	return pool, nil
}

// TLSConfig returns a copy of how the client verifies Keystone's certificate, for clients of other
// services of the same cloud.
func (c *connection) TLSConfig() *tls.Config {
	return c.http.Transport.(*http.Transport).TLSClientConfig.Clone()
}

// CloseIdleConnections closes the connections that no request uses.
func (c *connection) CloseIdleConnections() { c.http.CloseIdleConnections() }

// AuthURL returns the URL of Keystone's v3 API, without a slash at the end.
func (c *connection) AuthURL() string { return strings.TrimSuffix(c.base, "/") }

// identity returns gophercloud's client for one request with the token; "" for none.
func (c *connection) identity(token string) *gophercloud.ServiceClient {
	p := &gophercloud.ProviderClient{
		HTTPClient:       c.http,
		IdentityBase:     strings.TrimSuffix(c.base, "v3/"),
		IdentityEndpoint: c.base,
	}
	p.UseTokenLock()
	p.SetToken(token)
	return &gophercloud.ServiceClient{ProviderClient: p, Endpoint: c.base, Type: "identity"}
}

// failed opens the circuit for a while. It logs the first failure only.
func (c *connection) failed(err error) {
	c.counts.failures.Add(1)
	pause, tell := retryPause, c.log.Warn
	if errors.Is(err, errOurselves) {
		pause, tell = ownPause, c.log.Error
	}
	if c.circuit.failed(c.now(), pause) {
		tell("Keystone cannot be reached or has failed; known tokens stay in use", "error", err)
	}
}

// ask sends a request to Keystone through f, unless the circuit is open: Keystone failed within the
// last second. With twice set, a first failure after success is repeated once, because a Keystone
// that is being restarted drops a few requests. Only requests that may arrive twice set it.
func (c *connection) ask(ctx context.Context, op string, twice bool, f func(ctx context.Context) error) error {
	healthy, allowed := c.circuit.enter(c.now())
	if !allowed {
		return fmt.Errorf("%s: %w: it did not answer a moment ago", op, ErrUnavailable)
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	c.counts.asked.Add(1)
	err := f(ctx)
	if twice && healthy && errors.Is(err, ErrUnavailable) && !errors.Is(err, errOurselves) && ctx.Err() == nil {
		c.counts.asked.Add(1)
		err = f(ctx)
	}
	switch {
	case parent.Err() != nil: // given up by whoever asked: says nothing of Keystone
	case errors.Is(err, ErrUnavailable):
		c.failed(err)
	default:
		if c.circuit.worked() {
			c.log.Info("Keystone answers again")
		}
	}
	return err
}
