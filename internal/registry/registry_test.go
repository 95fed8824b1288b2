package registry_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	server "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/registry"
)

// rig is a registry in this process, and a client that knows it to have no TLS.
type rig struct {
	*testing.T
	host   string
	client *registry.Client
	inner  http.Handler               // the registry itself
	door   atomic.Pointer[doorkeeper] // what stands before it
}

type doorkeeper func(w http.ResponseWriter, r *http.Request)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, inner: server.New(server.Logger(log.New(io.Discard, "", 0)))}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if door := r.door.Load(); door != nil {
			(*door)(w, req)
			return
		}
		r.inner.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	r.host = strings.TrimPrefix(s.URL, "http://")
	r.client = registry.New(registry.Config{PlainHTTP: []string{r.host}, Timeout: time.Minute})
	return r
}

func (r *rig) guarded(door doorkeeper) { r.door.Store(&door) }

// push puts an image of random content under a name, past the door, and returns its digest.
func (r *rig) push(path string) string {
	r.Helper()
	image, err := random.Image(64, 1)
	r.must(err)
	ref, err := name.ParseReference(r.host + "/" + path)
	r.must(err)
	door := r.door.Swap(nil)
	defer r.door.Store(door)
	r.must(remote.Write(ref, image))
	var digest v1.Hash
	digest, err = image.Digest()
	r.must(err)
	return digest.String()
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) ask(path string, who registry.Credentials) (string, error) {
	return r.client.Digest(r.Context(), registry.Lookup{ProjectID: "p", Image: r.host + "/" + path, Credentials: who})
}

// refused checks the kind and the words of an error.
func (r *rig) refused(err error, kind faas.Kind, words string) {
	r.Helper()
	if faas.KindOf(err) != kind || !strings.Contains(err.Error(), words) {
		r.Errorf("got %v of kind %s, want %s with %q", err, faas.KindOf(err), kind, words)
	}
}

func TestDigestOfATag(t *testing.T) {
	r := newRig(t)
	first := r.push("a/b:1")
	for _, image := range []string{"a/b:1", "a/b@" + first, "a/b:2@" + first} {
		if got, err := r.ask(image, registry.Credentials{}); err != nil || got != first {
			t.Errorf("%s: %q, %v, want %q", image, got, err, first)
		}
	}
	second := r.push("a/b:1")
	if got, err := r.ask("a/b:1", registry.Credentials{}); err != nil || got != second || got == first {
		t.Errorf("the moved tag: %q, %v, want %q", got, err, second)
	}
	latest := r.push("a/b:latest")
	if got, err := r.ask("a/b", registry.Credentials{}); err != nil || got != latest {
		t.Errorf("without a tag: %q, %v, want %q", got, err, latest)
	}
	_, err := r.ask("a/b:3", registry.Credentials{})
	r.refused(err, faas.Invalid, "has no image a/b:3.")
	_, err = r.ask("a/b@sha256:"+strings.Repeat("0", 64), registry.Credentials{})
	r.refused(err, faas.Invalid, "has no image")
	_, err = r.ask("a//b", registry.Credentials{})
	r.refused(err, faas.Invalid, "must be the reference of a container image")
}

// TestHeadWithoutADigest is a registry that leaves the digest out of what it answers to HEAD.
func TestHeadWithoutADigest(t *testing.T) {
	r := newRig(t)
	digest := r.push("a:1")
	r.guarded(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead {
			w.Header().Set("Content-Type", "application/json")
			return
		}
		r.inner.ServeHTTP(w, req)
	})
	if got, err := r.ask("a:1", registry.Credentials{}); err != nil || got != digest {
		t.Errorf("got %q, %v, want %q", got, err, digest)
	}
}

const password = "correct horse"

func TestBasicPassword(t *testing.T) {
	r := newRig(t)
	digest := r.push("a:1")
	r.guarded(func(w http.ResponseWriter, req *http.Request) {
		if user, given, _ := req.BasicAuth(); user != "bob" || given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.inner.ServeHTTP(w, req)
	})
	if got, err := r.ask("a:1", registry.Credentials{User: "bob", Password: password}); err != nil || got != digest {
		t.Errorf("got %q, %v, want %q", got, err, digest)
	}
	_, err := r.ask("a:1", registry.Credentials{User: "bob", Password: "wrong battery"})
	r.refused(err, faas.Invalid, `does not let the user "bob" read`)
	if strings.Contains(err.Error(), "battery") {
		t.Errorf("it tells the password: %v", err)
	}
	_, err = r.ask("a:1", registry.Credentials{})
	r.refused(err, faas.Invalid, "to nobody without a password")
}

// TestBearerToken has the registry send its callers to a token service.
func TestBearerToken(t *testing.T) {
	r := newRig(t)
	digest := r.push("a:1")
	r.guarded(func(w http.ResponseWriter, req *http.Request) {
		user, given, _ := req.BasicAuth()
		switch {
		case req.URL.Path == "/token" && user == "bob" && given == password:
			_ = json.NewEncoder(w).Encode(map[string]string{"token": "the token"})
		case req.URL.Path != "/token" && req.Header.Get("Authorization") == "Bearer the token":
			r.inner.ServeHTTP(w, req)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.host+`/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	if got, err := r.ask("a:1", registry.Credentials{User: "bob", Password: password}); err != nil || got != digest {
		t.Errorf("got %q, %v, want %q", got, err, digest)
	}
	_, err := r.ask("a:1", registry.Credentials{User: "bob", Password: "wrong"})
	r.refused(err, faas.Invalid, `"bob"`)
}

// TestLedElsewhere has a registry that sends its callers to somebody else, who hears nothing.
func TestLedElsewhere(t *testing.T) {
	r := newRig(t)
	r.push("a:1")
	var heard atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	t.Cleanup(elsewhere.Close)
	victim := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // another name is another site
	for what, answer := range map[string]doorkeeper{
		"a realm": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+victim+`/token",service="s"`)
			w.WriteHeader(http.StatusUnauthorized)
		},
		"a redirection": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, victim+"/v2/", http.StatusTemporaryRedirect)
		},
		"a redirection of the image alone": func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/v2/" {
				return
			}
			http.Redirect(w, req, victim+req.URL.Path, http.StatusTemporaryRedirect)
		},
	} {
		r.guarded(answer)
		_, err := r.ask("a:1", registry.Credentials{User: "bob", Password: password})
		if faas.KindOf(err) != faas.Unavailable || heard.Load() != 0 {
			t.Errorf("%s: %v, and %d requests went there", what, err, heard.Load())
		}
	}
}

// TestNoPlainHTTPUnlessAllowed has a registry without TLS that nobody has said to be without: the
// library itself would fall back to HTTP for private addresses.
func TestNoPlainHTTPUnlessAllowed(t *testing.T) {
	r := newRig(t)
	r.push("a:1")
	var plain atomic.Int64
	r.guarded(func(http.ResponseWriter, *http.Request) { plain.Add(1) })
	r.client = registry.New(registry.Config{Timeout: time.Minute})
	_, err := r.ask("a:1", registry.Credentials{User: "bob", Password: password})
	if faas.KindOf(err) != faas.Unavailable || plain.Load() != 0 {
		t.Errorf("got %v, and %d requests by HTTP", err, plain.Load())
	}
}

func TestRegistriesThatFail(t *testing.T) {
	r := newRig(t)
	for status, kind := range map[int]faas.Kind{
		500: faas.Unavailable, 503: faas.Unavailable, 429: faas.Unavailable, 403: faas.Invalid, 400: faas.Invalid,
	} {
		r.guarded(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		if _, err := r.ask("a:1", registry.Credentials{}); faas.KindOf(err) != kind {
			t.Errorf("status %d: %v", status, err)
		}
	}
	r.guarded(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodHead || req.URL.Path == "/v2/" {
			return
		}
		for range 6 << 10 { // 6 MiB
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	})
	_, err := r.ask("a:1", registry.Credentials{})
	r.refused(err, faas.Unavailable, "gave no answer that can be used")
	silent, end := context.WithCancel(t.Context())
	r.guarded(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-silent.Done():
		}
	})
	defer end()
	r.client = registry.New(registry.Config{PlainHTTP: []string{r.host}, Timeout: 50 * time.Millisecond})
	_, err = r.ask("a:1", registry.Credentials{})
	r.refused(err, faas.Unavailable, "gave no answer that can be used")
}
