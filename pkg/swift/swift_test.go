package swift

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// onBoth runs a test on the small Swift and, where there is one, on the real one, each with an
// empty container of its own.
func onBoth(t *testing.T, test func(t *testing.T, c *Client, container string)) {
	t.Run("small", func(t *testing.T) {
		s := swifttest.New(t)
		c := New(Config{Token: Fixed("token"), Endpoint: At(s.Grant("token", "p"))})
		if err := c.EnsureContainer(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
		test(t, c, "c")
	})
	t.Run("real", func(t *testing.T) {
		demo := testkit.Keystone(t).Login(t, "demo")
		c := New(Config{Token: Fixed(demo.Token), Endpoint: At(demo.Endpoints["object-store"])})
		container := "test " + rand.Text()
		if err := c.EnsureContainer(t.Context(), container); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { empty(t, c, container) })
		test(t, c, container)
	})
}

func empty(t *testing.T, c *Client, container string) {
	ctx := context.Background()
	err := c.List(ctx, container, func(e Entry) error { return c.Delete(ctx, container, e.Name) })
	if err := errors.Join(err, c.DeleteContainer(ctx, container)); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, c *Client, container, name, body string) {
	t.Helper()
	if err := c.Put(t.Context(), container, name, strings.NewReader(body), MD5([]byte(body))); err != nil {
		t.Fatal(err)
	}
}

// TestObjects has names with everything that a URL trips over.
func TestObjects(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		for name, body := range map[string]string{
			"plain": "x", "a/b c/d": "slashes and spaces", "what?ever=1&x#y": "signs", "größe/日本": "letters",
			"50%25 %2F": "escapes", "empty": "", "/lead": "a slash in front",
			"large": strings.Repeat("large", 1<<20),
		} {
			put(t, c, container, name, body)
			o, err := c.Head(t.Context(), container, name)
			if err != nil || o.Size != int64(len(body)) || o.ETag != MD5([]byte(body)) || time.Since(o.Modified) > time.Hour {
				t.Errorf("%s: %+v, %v", name, o, err)
			}
			r, o, err := c.Get(t.Context(), container, name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			r.Close()
			if err != nil || string(got) != body || o.ETag != MD5([]byte(body)) {
				t.Errorf("%s: %d bytes, %+v, %v", name, len(got), o, err)
			}
			if err := c.Delete(t.Context(), container, name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := c.Head(t.Context(), container, name); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v after it was deleted", name, err)
			}
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		ctx := t.Context()
		_, headErr := c.Head(ctx, container, "none")
		_, _, getErr := c.Get(ctx, container, "none")
		_, elsewhereErr := c.Head(ctx, container+"-none", "none")
		for what, err := range map[string]error{
			"head": headErr, "get": getErr, "delete": c.Delete(
				ctx, container, "none",
			), "touch": c.Touch(ctx, container, "none"), "no container": elsewhereErr,
			"list":    c.List(ctx, container+"-none", func(Entry) error { return nil }),
			"put":     c.Put(ctx, container+"-none", "x", strings.NewReader(""), MD5(nil)),
			"a slash": c.Delete(ctx, container, "none/none"),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := c.EnsureContainer(ctx, container); err != nil {
			t.Errorf("a container that is there: %v", err)
		}
	})
}

func TestOthersAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		put(t, c, container, "mine", "x")
		endpoint, err := c.cfg.Endpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stranger := c.With("never a token", endpoint)
		if _, err := stranger.Head(t.Context(), container, "mine"); !errors.Is(err, ErrToken) ||
			errors.Is(err, ErrForbidden) ||
			strings.Contains(err.Error(), "never a token") {
			t.Errorf("with a token that is none: %v", err)
		}
		token, _ := c.cfg.Token(t.Context(), "")
		elsewhere := c.With(token, endpoint+"0")
		if _, _, err := elsewhere.Get(t.Context(), container, "mine"); !errors.Is(err, ErrForbidden) ||
			errors.Is(err, ErrToken) {
			t.Errorf("in another project's account: %v", err)
		}
	})
}

func TestWrongChecksumStoresNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		if err := c.Put(t.Context(), container, "x", strings.NewReader("sent"), MD5([]byte("announced"))); !errors.Is(
			err, ErrChecksum,
		) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Head(t.Context(), container, "x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("it is there: %v", err)
		}
	})
}

func TestListInPages(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		want := []string{"a", "b", "c/d", "e f", "ü"}
		for _, name := range want {
			put(t, c, container, name, name)
		}
		for _, size := range []int{1, 2, 5, 1000} {
			var got []string
			err := c.list(t.Context(), container, size, func(e Entry) error {
				if got = append(got, e.Name); e.Size != int64(len(e.Name)) || e.ETag != MD5([]byte(e.Name)) ||
					time.Since(e.Modified) > time.Hour {
					t.Errorf("%+v", e)
				}
				return nil
			})
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("by %d: %q, %v", size, got, err)
			}
		}
		stop := errors.New("stop")
		if err := c.List(t.Context(), container, func(Entry) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTouchRenews(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		modified := func() (at time.Time) {
			if err := c.List(t.Context(), container, func(e Entry) error { at = e.Modified; return nil }); err != nil {
				t.Fatal(err)
			}
			return at
		}
		put(t, c, container, "x", "x")
		first := modified()
		if err := c.Touch(t.Context(), container, "x"); err != nil {
			t.Fatal(err)
		}
		if second := modified(); !second.After(first) {
			t.Errorf("%v is not after %v", second, first)
		}
	})
}

func TestNames(t *testing.T) {
	c := New(Config{Token: Fixed("t"), Endpoint: At("http://127.0.0.1:1")})
	for _, names := range [][2]string{
		{"", "o"}, {"c", ""}, {
			"a/b", "o",
		}, {"..", "o"}, {"c", "../o"}, {"c", "a/./b"}, {strings.Repeat("c", 257), "o"}, {"c", strings.Repeat("o", 1025)},
	} {
		if _, err := c.Head(t.Context(), names[0], names[1]); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", names, err)
		}
	}
	if err := CheckNames("a .b", "...a/..b/c."); err != nil {
		t.Error(err)
	}
}

// TestOneNewToken has a token that ended in mid-upload.
func TestOneNewToken(t *testing.T) {
	s := swifttest.New(t)
	endpoint := s.Grant("new", "p")
	refused := []string{}
	c := New(Config{Endpoint: At(endpoint), Token: func(_ context.Context, r string) (string, error) {
		if r != "" {
			refused = append(refused, r)
			return "new", nil
		}
		return "old", nil
	}})
	if err := c.EnsureContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	put(t, c, "c", "x", "the whole content")
	if o, err := c.Head(t.Context(), "c", "x"); err != nil || o.Size != 17 {
		t.Errorf("%+v, %v", o, err)
	}
	if !slices.Equal(refused, []string{"old", "old", "old"}) {
		t.Errorf("told of %q", refused)
	}
	s.Revoke("new")
	s.Requests()
	if _, err := c.Head(t.Context(), "c", "x"); !errors.Is(err, ErrToken) || len(s.Requests()) != 2 {
		t.Errorf("got %v", err)
	}
}

func TestAway(t *testing.T) {
	s := swifttest.New(t)
	c := New(Config{Token: Fixed("token"), Endpoint: At(s.Grant("token", "p"))})
	for _, status := range []int{500, 502, 503, 504, 429, 498, 408} {
		s.Fail(status)
		_, err := c.Head(t.Context(), "c", "x")
		var e *Error
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) || !errors.As(err, &e) || e.Status != status {
			t.Errorf("%d: %v", status, err)
		}
	}
	s.Fail(http.StatusTeapot)
	_, err := c.Head(t.Context(), "c", "x")
	for _, other := range []error{ErrUnavailable, ErrNotFound, ErrToken, ErrForbidden, ErrChecksum} {
		if err == nil || errors.Is(err, other) {
			t.Errorf("%v is taken for %v", err, other)
		}
	}
	gone := New(Config{Token: Fixed("token"), Endpoint: At("http://127.0.0.1:1/v1/AUTH_p")})
	if _, err := gone.Head(t.Context(), "c", "x"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
	s.Fail(0)
	s.Hold()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Head(ctx, "c", "x"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: %v", err)
	}
}

// TestCutOff has a body that ends too soon, and one whose reader gave up.
func TestCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
	}))
	t.Cleanup(server.Close)
	c := New(Config{Token: Fixed("token"), Endpoint: At(server.URL)})
	body, _, err := c.Get(t.Context(), "c", "x")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if b, err := io.ReadAll(body); !errors.Is(err, ErrUnavailable) || string(b) != "half" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestRedirectsAreNotFollowed has a server that would like the token to go elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	told := make(chan string, 1)
	elsewhere := httptest.NewServer(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.Header.Get("X-Auth-Token") }),
	)
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	c := New(Config{Token: Fixed("token"), Endpoint: At(server.URL)})
	if _, err := c.Head(t.Context(), "c", "x"); err == nil {
		t.Error("a redirect is taken for an answer")
	}
	if len(told) != 0 {
		t.Errorf("the token %q went elsewhere", <-told)
	}
}

// TestContentStaysOpen has a content that its owner goes on using.
func TestContentStaysOpen(t *testing.T) {
	s := swifttest.New(t)
	c := New(Config{Token: Fixed("token"), Endpoint: At(s.Grant("token", "p"))})
	if err := c.EnsureContainer(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	content := &closing{Reader: bytes.NewReader([]byte("x"))}
	if err := c.Put(t.Context(), "c", "x", content, MD5([]byte("x"))); err != nil || content.closed {
		t.Errorf("%v; closed: %v", err, content.closed)
	}
}

type closing struct {
	*bytes.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}
