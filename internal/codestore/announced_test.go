package codestore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/codestore/codestoretest"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestAnnounced(t *testing.T) {
	codestoretest.Run(t, func(t *testing.T) codestore.Store {
		files, err := codestore.NewFiles(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var told []string
		t.Cleanup(func() {
			err := files.List(context.Background(), func(digest string, _ time.Time) error {
				if !slices.Contains(told, digest) {
					t.Errorf("%s was stored and not announced", digest)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		return codestore.Announced{Store: files, Announce: func(_ context.Context, digest string) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, digest)
			return nil
		}}
	})
}

func TestRefusedAnnouncement(t *testing.T) {
	files, err := codestore.NewFiles(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deleting := errors.New("it is being deleted")
	a := codestore.Announced{Store: files, Announce: func(context.Context, string) error { return deleting }}
	if err := a.Put(t.Context(), digestOf("x"), strings.NewReader("x")); !errors.Is(err, deleting) {
		t.Errorf("got %v", err)
	}
	if _, _, err := files.Open(t.Context(), digestOf("x")); faas.KindOf(err) != faas.NotFound {
		t.Errorf("it is stored all the same: %v", err)
	}
}
