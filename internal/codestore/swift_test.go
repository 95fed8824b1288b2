package codestore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/codestore/codestoretest"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// newSwift makes a store on the small Swift of the test.
func newSwift(t *testing.T) (*codestore.Swift, *swift.Client, *swifttest.Server) {
	server := swifttest.New(t)
	client := swift.New(swift.Config{Token: swift.Fixed("token"), Endpoint: swift.At(server.Grant("token", "service"))})
	return codestore.NewSwift(client, "packages", t.TempDir()), client, server
}

func TestSwift(t *testing.T) {
	codestoretest.Run(t, func(t *testing.T) codestore.Store {
		s, _, _ := newSwift(t)
		return s
	})
}

// TestRealSwift is as the service does it: its own user, in its own project.
func TestRealSwift(t *testing.T) {
	service := testkit.Keystone(t).Login(t, "faas")
	client := swift.New(
		swift.Config{Token: swift.Fixed(service.Token), Endpoint: swift.At(service.Endpoints["object-store"])},
	)
	codestoretest.Run(t, func(t *testing.T) codestore.Store {
		container := "test-packages-" + rand.Text()
		t.Cleanup(func() {
			ctx := context.Background()
			err := client.List(ctx, container, func(e swift.Entry) error { return client.Delete(ctx, container, e.Name) })
			if err == nil {
				err = client.DeleteContainer(ctx, container)
			}
			if err != nil && !errors.Is(err, swift.ErrNotFound) {
				t.Error(err)
			}
		})
		return codestore.NewSwift(client, container, "")
	})
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestSwiftAway(t *testing.T) {
	s, _, server := newSwift(t)
	if err := s.Put(t.Context(), digestOf("x"), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	// the last two: Keystone or the operator's roles are wrong, and no caller's fault
	for _, status := range []int{503, 401, 403} {
		server.Fail(status)
		_, _, openErr := s.Open(t.Context(), digestOf("x"))
		for what, err := range map[string]error{
			"put": s.Put(
				t.Context(), digestOf("x"), strings.NewReader("x"),
			), "open": openErr, "delete": s.Delete(t.Context(), digestOf("x")),
			"list": s.List(t.Context(), func(string, time.Time) error { return nil }),
		} {
			var e *faas.Error
			if !errors.As(err, &e) || e.Kind != faas.Unavailable || strings.Contains(e.Message, "token") {
				t.Errorf("%d: %s: %v", status, what, err)
			}
		}
	}
}

// TestSwiftOverlooksNewContainer has a cache that does not know for a while of a new container.
func TestSwiftOverlooksNewContainer(t *testing.T) {
	s, client, server := newSwift(t)
	server.Stale(4)
	if err := s.Put(t.Context(), digestOf("x"), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if o, err := client.Head(t.Context(), "packages", digestOf("x")); err != nil || o.Size != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}

// TestSwiftHoldsNoFiles looks for what packages on their way leave behind.
func TestSwiftHoldsNoFiles(t *testing.T) {
	server := swifttest.New(t)
	client := swift.New(swift.Config{Token: swift.Fixed("token"), Endpoint: swift.At(server.Grant("token", "service"))})
	dir := t.TempDir()
	s := codestore.NewSwift(client, "packages", dir)
	b := bytes.Repeat([]byte("large"), 1<<18)
	if err := s.Put(t.Context(), digestOf(string(b)), bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	_ = s.Put(t.Context(), digestOf("announced"), strings.NewReader("sent")) // refused, as codestoretest shows
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

func TestSwiftLeavesOthersObjectsAlone(t *testing.T) {
	s, client, server := newSwift(t)
	server.Put("service", "packages", "an operator's note", []byte("x"))
	if err := s.Put(t.Context(), digestOf("x"), strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	var found []string
	err := s.List(t.Context(), func(digest string, _ time.Time) error { found = append(found, digest); return nil })
	if err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if _, err := client.Head(t.Context(), "packages", "an operator's note"); err != nil {
		t.Error(err)
	}
}
