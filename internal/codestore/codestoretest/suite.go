// Package codestoretest is what every code store must do.
package codestoretest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// Run holds a store against the interface's promises. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) codestore.Store) {
	for name, test := range map[string]func(*testing.T, codestore.Store){
		"what was put is there":          putAndOpen,
		"a wrong digest stores nothing":  wrongDigest,
		"names that are no digests":      badNames,
		"a broken upload leaves nothing": brokenUpload,
		"many at once":                   manyAtOnce,
		"delete and list":                deleteAndList,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func put(t *testing.T, s codestore.Store, b []byte) string {
	t.Helper()
	if err := s.Put(t.Context(), digest(b), bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return digest(b)
}

func read(t *testing.T, s codestore.Store, name string) []byte {
	t.Helper()
	body, size, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil || int64(len(b)) != size {
		t.Fatalf("read %d bytes of %d: %v", len(b), size, err)
	}
	return b
}

func list(t *testing.T, s codestore.Store) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	err := s.List(t.Context(), func(name string, put time.Time) error {
		found[name] = put
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func putAndOpen(t *testing.T, s codestore.Store) {
	for _, b := range [][]byte{nil, []byte("a package"), bytes.Repeat([]byte("large"), 1<<20)} {
		name := put(t, s, b)
		put(t, s, b) // again is no error
		if got := read(t, s, name); !bytes.Equal(got, b) {
			t.Errorf("got %d bytes, want %d", len(got), len(b))
		}
	}
	if _, _, err := s.Open(t.Context(), digest([]byte("never put"))); faas.KindOf(err) != faas.NotFound {
		t.Errorf("opening what is not there: %v", err)
	}
}

func wrongDigest(t *testing.T, s codestore.Store) {
	name := digest([]byte("announced"))
	if err := s.Put(t.Context(), name, strings.NewReader("sent")); faas.KindOf(err) != faas.Invalid {
		t.Errorf("got %v", err)
	}
	if found := list(t, s); len(found) != 0 {
		t.Errorf("%v is there", found)
	}
}

func badNames(t *testing.T, s codestore.Store) {
	good := digest(nil)
	for _, name := range []string{"", "../../etc/passwd", good[:63], good + "0", strings.ToUpper(good), strings.Repeat("../", 21) + "x", strings.Repeat("\x00", 64)} {
		_, _, openErr := s.Open(t.Context(), name)
		for what, err := range map[string]error{
			"put": s.Put(t.Context(), name, strings.NewReader("")), "delete": s.Delete(t.Context(), name), "open": openErr,
		} {
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("%s of %q: %v", what, name, err)
			}
		}
	}
}

func brokenUpload(t *testing.T, s codestore.Store) {
	cut := errors.New("cut")
	whole := []byte("a package that does not arrive")
	r := io.MultiReader(bytes.NewReader(whole[:10]), failing{cut})
	if err := s.Put(t.Context(), digest(whole), r); !errors.Is(err, cut) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, digest(whole), bytes.NewReader(whole)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if found := list(t, s); len(found) != 0 {
		t.Errorf("%v is there", found)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func manyAtOnce(t *testing.T, s codestore.Store) {
	b := bytes.Repeat([]byte("the same for all"), 1000)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := s.Put(t.Context(), digest(b), bytes.NewReader(b)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := read(t, s, digest(b)); !bytes.Equal(got, b) {
		t.Error("the bytes are not those that were put")
	}
	if found := list(t, s); len(found) != 1 {
		t.Errorf("%d packages are there, want one", len(found))
	}
}

func deleteAndList(t *testing.T, s codestore.Store) {
	before := time.Now().Add(-time.Minute)
	one, two := put(t, s, []byte("one")), put(t, s, []byte("two"))
	found := list(t, s)
	if len(found) != 2 || found[one].Before(before) || found[two].Before(before) {
		t.Errorf("List visits %v", found)
	}
	for range 2 { // the second finds nothing, which is no error
		if err := s.Delete(t.Context(), one); err != nil {
			t.Error(err)
		}
	}
	if found := list(t, s); len(found) != 1 || found[two].IsZero() {
		t.Errorf("List visits %v", found)
	}
	stop := errors.New("stop")
	if err := s.List(t.Context(), func(string, time.Time) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}
