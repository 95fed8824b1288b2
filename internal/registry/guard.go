package registry

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/publicsuffix"
)

// maxAnswer bounds the body of an answer, in bytes: a manifest may have 4 MiB.
const maxAnswer = 4<<20 + 64<<10

// guard sees each request of a lookup, those too to which a registry's answers lead: a redirection,
// and the token service that the registry names. They come from the registry and not from us, so
// each must go to the registry's own site, and by TLS unless the registry is known to have none.
// One that does not is not sent.
type guard struct {
	next  http.RoundTripper
	host  string // host or host:port of the registry
	plain bool   // the registry is spoken to by HTTP without TLS
}

// refusedRequest is a request that was not sent.
type refusedRequest struct{ reason string }

func (r *refusedRequest) Error() string { return r.reason }

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if reason := g.refuses(r.URL); reason != "" {
		return nil, &refusedRequest{reason}
	}
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &boundedBody{body: answer.Body, left: maxAnswer}
	return answer, nil
}

func (g *guard) refuses(u *url.URL) string {
	if u.Scheme != "https" && (!g.plain || u.Scheme != "http") {
		return fmt.Sprintf("it leads to a URL of scheme %s, and has to use https", u.Scheme)
	}
	if !sameSite(u.Hostname(), hostname(g.host)) {
		return fmt.Sprintf("it leads to %s, which is another site", u.Hostname())
	}
	return ""
}

// hostname returns the host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// sameSite reports whether two hosts are one, or have one owner by their names: auth.example.org
// and registry.example.org have, 10.0.0.1 and 10.0.0.2 have not.
func sameSite(a, b string) bool {
	if a == b {
		return true
	}
	if net.ParseIP(a) != nil || net.ParseIP(b) != nil {
		return false
	}
	siteA, err := publicsuffix.EffectiveTLDPlusOne(a)
	if err != nil {
		return false
	}
	siteB, err := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && siteA == siteB
}

// boundedBody is an answer's body that ends with an error when it is too long.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	return n, err
}

func (b *boundedBody) Close() error { return b.body.Close() }

// newTransport returns a transport that keeps few connections: registries are asked now and then.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: defaultTimeout, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns: 20, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
	}
}
