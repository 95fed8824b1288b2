package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Config is what a Client goes by.
type Config struct {
	Networks Networks
	Resolver Resolver      // nil: the system's
	Timeout  time.Duration // of a request with its redirects and its answer; 10 s when 0
	MaxBody  int64         // bytes of an answer's body that are read; 64 KiB when 0
}

// Resolver finds the addresses of a name.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Client sends requests to URLs that tenants name. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

const (
	defaultTimeout = 10 * time.Second
	defaultMaxBody = 64 << 10
	maxRedirects   = 3
	userAgent      = "openstack-faas"
)

// errDenied is that a host has an address that requests may not go to. Which one is not said: it is
// nobody's to learn who asks for the name.
var errDenied = errors.New("the host has an address that requests may not go to")

// errRedirect is in the chain of a redirect's error.
var errRedirect = errors.New("the redirect is not followed")

// New returns a client. Proxies that the environment names are not used.
func New(cfg Config) *Client {
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	c := &Client{cfg: cfg}
	c.http = &http.Client{
		CheckRedirect: c.checkRedirect,
		Transport: &http.Transport{
			DialContext: c.dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: cfg.Timeout, ResponseHeaderTimeout: cfg.Timeout, MaxResponseHeaderBytes: 32 << 10,
			DisableCompression: true, // or a few bytes of an answer could become many
			MaxIdleConns:       100, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		},
	}
	return c
}

// Close closes connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answer is the answer to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // the beginning, of Config.MaxBody bytes at most
}

// Post sends a body to a URL and returns the answer, whatever its status. An error is a
// *faas.Error: of kind Invalid for a URL that Parse refuses, or a redirect that is not followed;
// Forbidden where the host may not be reached; Unavailable for everything else. Its text can be
// shown to whoever named the URL.
func (c *Client) Post(ctx context.Context, to, contentType string, body []byte) (Answer, error) {
	if _, err := Parse(to); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return Answer{}, faas.Errorf(faas.Invalid, "The URL is malformed.").WithCause(err)
	}
	r.Header = http.Header{"Content-Type": {contentType}, "User-Agent": {userAgent}}
	answer, err := c.http.Do(r)
	if err != nil {
		return Answer{}, told(err)
	}
	defer func() { _ = answer.Body.Close() }()
	got := Answer{Status: answer.StatusCode, Header: answer.Header}
	if got.Body, err = io.ReadAll(io.LimitReader(answer.Body, c.cfg.MaxBody)); err != nil {
		return got, told(err)
	}
	return got, nil
}

// told returns an error as it may be shown to whoever named the URL.
func told(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, errDenied):
		return faas.Errorf(faas.Forbidden, "The URL's host may not be reached from here.").WithCause(err)
	case errors.Is(err, errRedirect):
		var at *url.Error
		text := err.Error()
		if errors.As(err, &at) {
			text = at.Err.Error()
		}
		return faas.Errorf(faas.Invalid, "The URL's host has answered with a redirect: %s.", text).WithCause(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return faas.Errorf(faas.Unavailable, "The URL's host has not answered in time.").WithCause(err)
	}
	return faas.Errorf(faas.Unavailable, "The URL's host could not be asked.").WithCause(err)
}

// checkRedirect looks at a request to which an answer leads, before it is sent.
func (c *Client) checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: there are more than %d", errRedirect, maxRedirects)
	case r.Method != first.Method:
		return fmt.Errorf("%w: with its status the body would be lost; 307 and 308 keep it", errRedirect)
	case via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https":
		return fmt.Errorf("%w: it leads away from https", errRedirect)
	}
	if _, err := Parse(r.URL.String()); err != nil {
		return fmt.Errorf("%w: it leads to a URL that is none of those that may be asked", errRedirect)
	}
	// What an answer set, and the URL before, which may hold a secret, are not for another host.
	r.Header = http.Header{"Content-Type": first.Header["Content-Type"], "User-Agent": {userAgent}}
	return nil
}

// dial connects to a host, if all of its addresses are ones that requests may go to.
func (c *Client) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	all, err := c.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	if !c.cfg.Networks.permitAll(all) {
		return nil, errDenied
	}
	dialer := net.Dialer{Timeout: c.cfg.Timeout, Control: c.control}
	var last error
	for _, a := range all { // as it was looked at: the name is not asked for again
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// resolve returns the addresses of a host.
func (c *Client) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, ok := literal(host); ok {
		return []netip.Addr{a}, nil
	}
	return c.cfg.Resolver.LookupNetIP(ctx, "ip", host)
}

// control looks at the address that a socket is about to be connected to. dial has looked at it;
// this holds whatever becomes of dial.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !c.cfg.Networks.Permit(to.Addr()) {
		return errDenied
	}
	return nil
}
