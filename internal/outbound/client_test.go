package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is what tests need that serve on it.
var loopback = Networks{Allowed: prefixes("127.0.0.1/32")}

// hangTimeout is for what only a hang may reach.
const hangTimeout = time.Minute

// names is a resolver whose answers change: each question has the next of a name's answers, the
// last of them again and again.
type names struct {
	mu    sync.Mutex
	of    map[string][]string // addresses, separated by spaces
	asked map[string]int
}

func (n *names) LookupNetIP(_ context.Context, _, host string) (all []netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.of[strings.TrimSuffix(host, ".")]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if n.asked == nil {
		n.asked = map[string]int{}
	}
	answer := answers[min(n.asked[host], len(answers)-1)]
	n.asked[host]++
	for text := range strings.FieldsSeq(answer) {
		all = append(all, netip.MustParseAddr(text))
	}
	return all, nil
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c := New(cfg)
	t.Cleanup(c.Close)
	return c
}

// serve serves on loopback and counts requests.
func serve(t *testing.T, handle http.HandlerFunc) (at string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, requests
}

func ok(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

// port returns the port of a server's URL.
func port(t *testing.T, at string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// TestPost gets to a server that may be reached, by its address and by a name.
func TestPost(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	at, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "a/b" || r.Header.Get("User-Agent") != userAgent {
			t.Errorf("got %s with %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
		ok(w, r)
	})
	c := newClient(t, Config{Networks: loopback, Resolver: &names{of: map[string][]string{"me.test": {"127.0.0.1"}}}})
	for _, to := range []string{at, "http://me.test:" + port(t, at) + "/x?y=z", "http://me.test.:" + port(t, at)} {
		got, err := c.Post(t.Context(), to, "a/b", []byte("hello"))
		if err != nil || got.Status != http.StatusAccepted || string(got.Body) != "hello" {
			t.Errorf("%s: %+v, %v", to, got, err)
		}
	}
	if requests.Load() != 3 {
		t.Errorf("there were %d requests", requests.Load())
	}
}

// TestHostileURLs has a tenant try to reach a server on this machine by every name of it: none gets
// there.
func TestHostileURLs(t *testing.T) {
	at, requests := serve(t, ok)
	p := port(t, at)
	c := newClient(t, Config{Resolver: &names{of: map[string][]string{
		"localhost": {"127.0.0.1"}, "one.test": {"127.0.0.1"}, "six.test": {"::1"}, "both.test": {"93.184.215.14 127.0.0.1"},
		"mapped.test": {"::ffff:127.0.0.1"}, "meta.test": {"169.254.169.254"}, "local.test": {"fe80::1%lo"},
		"2130706433": {"127.0.0.1"}, "0x7f.1": {"127.0.0.1"}, "0177.0.0.1": {"127.0.0.1"}, "127.1": {"127.0.0.1"},
		"0": {"127.0.0.1"}, "nat64.test": {"64:ff9b::7f00:1"}, "empty.test": {""},
	}}})
	for _, to := range []string{
		at, "http://localhost:" + p, "http://LOCALHOST.:" + p, "http://one.test:" + p, "http://six.test:" + p,
		"http://both.test:" + p, "http://mapped.test:" + p, "http://meta.test/latest", "http://local.test:" + p,
		"http://2130706433:" + p, "http://0x7f.1:" + p, "http://0177.0.0.1:" + p, "http://127.1:" + p, "http://0:" + p,
		"http://127.0.0.1.:" + p, "http://[::1]:" + p, "http://[::]:" + p, "http://0.0.0.0:" + p,
		"http://[::ffff:127.0.0.1]:" + p, "http://[::ffff:7f00:1]:" + p, "http://[::127.0.0.1]:" + p,
		"http://[64:ff9b::127.0.0.1]:" + p, "http://[2002:7f00:1::]:" + p, "http://[fe80::1%25lo]:" + p,
		"http://nat64.test:" + p, "http://empty.test:" + p, "http://nowhere.test:" + p,
		"http://169.254.169.254/latest/meta-data",
		"http://user@127.0.0.1:" + p, "http://one.test#@example.org:" + p, "http://127.0.0.1\\@example.org:" + p,
		"http://①②⑦.0.0.1:" + p, "http://127。0。0。1:" + p, "http://one.test:" + p + "@127.0.0.1:" + p,
		"gopher://127.0.0.1:" + p, "file:///etc/passwd", "//127.0.0.1:" + p, "http:127.0.0.1:" + p, "http://:" + p, "",
		"http://one.test:22", "http://example.org:25", "http://example.org:0", "http://example.org:65536",
		"http://example.org:",
		"http://example.org:-1", "http://example.org/\r\nHost: x", "http://a..b/",
		"http://" + strings.Repeat("a", 64) + ".test/",
		"http://example.org/" + strings.Repeat("a", maxURL),
	} {
		got, err := c.Post(t.Context(), to, "a/b", nil)
		var f *faas.Error
		if !errors.As(err, &f) || got.Status != 0 {
			t.Errorf("%q: %+v, %v", to, got, err)
		} else if strings.Contains(f.Message, "127.0.0.1") && f.Kind != faas.Invalid {
			t.Errorf("%q is answered with an address: %s", to, f.Message)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests came through", requests.Load())
	}
}

// TestRebinding has a name lead to another address each time that it is asked for: it is asked
// once, and the address that was looked at is the one that is connected to.
func TestRebinding(t *testing.T) {
	at, requests := serve(t, ok)
	there, guarded := serve(t, ok)
	resolver := &names{of: map[string][]string{
		"good.test": {"127.0.0.1", "169.254.169.254"}, "bad.test": {"169.254.169.254", "127.0.0.1"},
		"half.test": {"127.0.0.1 169.254.169.254"},
	}}
	c := newClient(t, Config{Networks: loopback, Resolver: resolver, Timeout: hangTimeout})
	if _, err := c.Post(t.Context(), "http://good.test:"+port(t, at), "a/b", nil); err != nil {
		t.Errorf("the first address was good: %v", err)
	}
	if resolver.asked["good.test"] != 1 {
		t.Errorf("the name was asked for %d times", resolver.asked["good.test"])
	}
	if _, err := c.Post(t.Context(), "http://bad.test:"+port(t, there), "a/b", nil); faas.KindOf(err) != faas.Forbidden {
		t.Errorf("the first address was bad: %v", err)
	}
	// One bad address of several is enough, wherever it stands: the connection might fall back on it.
	_, err := c.Post(t.Context(), "http://half.test:"+port(t, there), "a/b", nil)
	if faas.KindOf(err) != faas.Forbidden {
		t.Errorf("one address was bad: %v", err)
	}
	if requests.Load() != 1 || guarded.Load() != 0 {
		t.Errorf("%d and %d requests came through", requests.Load(), guarded.Load())
	}
	// Whatever dial does: the socket is not connected.
	if err := c.control("tcp", "169.254.169.254:80", nil); !errors.Is(err, errDenied) {
		t.Errorf("a socket may be connected to: %v", err)
	}
}

// TestRedirects are looked at as the first URL is, and bounded.
func TestRedirects(t *testing.T) {
	inner, innerRequests := serve(t, ok)
	var status int
	var location string
	var seen []http.Header
	at, requests := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		if r.URL.Path == "/there" {
			ok(w, r)
			return
		}
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
	// The server is at an allowed address; the other one, of the same machine, at one that is not.
	c := newClient(t, Config{Networks: loopback, Resolver: &names{of: map[string][]string{
		"other.test": {"127.0.0.1"}, "inner.test": {"127.0.0.2"},
	}}})
	p := port(t, at)
	for _, r := range []struct {
		status   int
		location string
		requests int32
		kind     faas.Kind // "": it comes through
	}{
		{307, "http://other.test:" + p + "/there", 2, ""},
		{308, "/there", 2, ""},
		{302, "/there", 1, faas.Invalid},
		{301, "/there", 1, faas.Invalid},
		{303, "/there", 1, faas.Invalid},
		{307, "http://inner.test:" + port(t, inner), 1, faas.Forbidden},
		{307, "http://[::1]:" + port(t, inner), 1, faas.Forbidden},
		{307, "http://169.254.169.254/latest", 1, faas.Forbidden},
		{307, "http://user:x@other.test:" + p + "/there", 1, faas.Invalid},
		{307, "http://2130706433:" + p + "/there", 1, faas.Invalid},
		{307, "file:///etc/passwd", 1, faas.Invalid},
		{307, "gopher://other.test:" + p, 1, faas.Invalid},
		{307, "/again", 4, faas.Invalid}, // for ever
	} {
		status, location, seen = r.status, r.location, nil
		requests.Store(0)
		got, err := c.Post(t.Context(), at+"/first?secret=x", "a/b", []byte("hello"))
		through := err == nil && got.Status == http.StatusOK && string(got.Body) == "hello"
		if through != (r.kind == "") || r.kind != "" && faas.KindOf(err) != r.kind {
			t.Errorf("%d to %s: %+v, %v", r.status, r.location, got, err)
		}
		if requests.Load() != r.requests {
			t.Errorf("%d to %s: %d requests", r.status, r.location, requests.Load())
		}
		for _, h := range seen {
			if len(h["Referer"]) > 0 || len(h["Cookie"]) > 0 {
				t.Errorf("%d to %s: sent %v", r.status, r.location, h)
			}
		}
	}
	if innerRequests.Load() != 0 {
		t.Errorf("%d requests came through", innerRequests.Load())
	}
}

// TestBounds of an answer: its time and its bytes.
func TestBounds(t *testing.T) {
	hang := make(chan struct{})
	at, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = w.Write(make([]byte, 1<<20))
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 64<<10))
		case "/drips":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-hang
		default:
			<-hang
		}
	})
	t.Cleanup(func() { close(hang) }) // before the server waits for its requests
	c := newClient(t, Config{Networks: loopback, MaxBody: 1000, Timeout: hangTimeout})
	if got, err := c.Post(t.Context(), at+"/large", "a/b", nil); err != nil || len(got.Body) != 1000 {
		t.Errorf("a large answer: %d bytes, %v", len(got.Body), err)
	}
	if _, err := c.Post(t.Context(), at+"/headers", "a/b", nil); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("large headers: %v", err)
	}
	c = newClient(t, Config{Networks: loopback, Timeout: 300 * time.Millisecond})
	for _, path := range []string{"/drips", "/hangs"} {
		if _, err := c.Post(t.Context(), at+path, "a/b", nil); faas.KindOf(err) != faas.Unavailable {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestNetworks holds the rule against addresses of each block.
func TestNetworks(t *testing.T) {
	n := Networks{
		Denied:  prefixes("93.184.0.0/16", "2a00:1:2::/48"),
		Allowed: prefixes("10.1.0.0/16", "93.184.1.0/24", "64:ff9b::/96", "fd00:1::/64"),
	}
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true,
		"10.1.2.3": true, "10.2.0.1": false, "::ffff:10.1.2.3": true, "::ffff:10.2.0.1": false,
		"93.184.0.1": false, "93.184.1.1": true, "2a00:1:2::1": false, "2a00:1:3::1": true,
		"fd00:1::1": true, "fd00:2::1": false, "fc00::1": false,
		"64:ff9b::8.8.8.8": true, "64:ff9b::169.254.169.254": false, "64:ff9b::10.1.0.1": true, "64:ff9b:1::1": false,
		"127.0.0.1": false, "::1": false, "::": false, "0.0.0.0": false, "169.254.169.254": false, "fe80::1": false,
		"100.64.0.1": false, "100.128.0.1": true, "172.16.0.1": false, "172.32.0.1": true, "192.168.1.1": false,
		"224.0.0.1": false, "ff02::1": false, "255.255.255.255": false, "2002:808:808::1": false, "2001::1": false,
		"2001:db8::1": false, "::8.8.8.8": false, "198.18.0.1": false, "198.51.100.1": false,
	} {
		if got := n.Permit(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if (Networks{Allowed: prefixes("2002::/16", "127.0.0.0/8")}).Permit(netip.MustParseAddr("2002:a00:1::1")) {
		t.Error("6to4 leads to a private address")
	}
	if n.Permit(netip.Addr{}) || (Networks{Allowed: prefixes("fe80::/10")}).Permit(netip.MustParseAddr("fe80::1%eth0")) {
		t.Error("no address, or one with a zone, may be reached")
	}
}
