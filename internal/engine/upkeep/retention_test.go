package upkeep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// heldPackages is a code store that has something happen between what the collection of packages
// does.
type heldPackages struct {
	codestore.Store
	listed, deleting, deleted func() // called after all were listed, before a deletion and after it; nil: nothing happens
	fails                     error  // of deletions
}

func (h *heldPackages) List(ctx context.Context, visit func(string, time.Time) error) error {
	old := map[string]time.Time{}
	err := h.Store.List(ctx, func(sha256 string, put time.Time) error {
		old[sha256] = put
		return nil
	})
	happen(h.listed)
	for sha256, put := range old {
		if err == nil {
			err = visit(sha256, put)
		}
	}
	return err
}

func (h *heldPackages) Delete(ctx context.Context, sha256 string) error {
	happen(h.deleting)
	if h.fails != nil {
		return h.fails
	}
	err := h.Store.Delete(ctx, sha256)
	happen(h.deleted)
	return err
}

func happen(what func()) {
	if what != nil {
		what()
	}
}

// collection is what collects packages of any age, what it collects from, and a clock of all.
type collection struct {
	*testing.T
	upkeep  *Upkeeper
	store   *store.Store
	held    *heldPackages
	runtime string
	now     time.Time
}

const oldPackage = "a package of old"

var oldDigest = func() string {
	sum := sha256.Sum256([]byte(oldPackage))
	return hex.EncodeToString(sum[:])
}()

func newCollection(t *testing.T, packages codestore.Store) *collection {
	t.Helper()
	c := &collection{T: t, held: &heldPackages{Store: packages}, now: time.Now()}
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	c.must(store.Migrate(t.Context(), url))
	var err error
	c.store, err = store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler), Now: c.clock})
	c.must(err)
	t.Cleanup(func() { _ = c.store.Close() })
	rt, err := c.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3", Status: faas.RuntimeAvailable})
	c.must(err)
	c.runtime = rt.ID
	c.upkeep = New(Config{
		Store: c.store, Code: c.held, PackageGrace: -2 * time.Hour, Now: c.clock, Log: slog.New(slog.DiscardHandler),
	})
	c.must(packages.Put(t.Context(), oldDigest, bytes.NewReader([]byte(oldPackage))))
	return c
}

func (c *collection) clock() time.Time { return c.now }

func (c *collection) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *collection) unavailable(err error) {
	c.Helper()
	if faas.KindOf(err) != faas.Unavailable {
		c.Errorf("got %v, want an error of the kind Unavailable", err)
	}
}

// upload stores the package as the service does.
func (c *collection) upload() error {
	announced := codestore.Announced{Store: c.held, Announce: c.store.AnnouncePackage}
	return announced.Put(c.Context(), oldDigest, bytes.NewReader([]byte(oldPackage)))
}

func (c *collection) record() error {
	_, err := c.store.CreateFunction(c.Context(), faas.Function{
		ProjectID: "p", RuntimeID: c.runtime, Entry: faas.DefaultEntry, Code: faas.Code{Source: faas.SourcePackage, SHA256: oldDigest},
	}, nil)
	return err
}

func (c *collection) deploy() {
	c.Helper()
	c.must(c.upload())
	c.must(c.record())
}

// there checks whether the package is.
func (c *collection) there(want bool) {
	c.Helper()
	body, _, err := c.held.Open(c.Context(), oldDigest)
	if faas.KindOf(err) == faas.NotFound && !want {
		return
	}
	c.must(err)
	text, err := io.ReadAll(body)
	c.must(errors.Join(err, body.Close()))
	if !want || string(text) != oldPackage {
		c.Errorf("the package holds %q; it should be there: %v", text, want)
	}
}

// TestPackagesThatAreStoredAgain has a package collected and its content deployed once more, one
// between the steps of the other.
func TestPackagesThatAreStoredAgain(t *testing.T) {
	for kind, open := range map[string]func(t *testing.T) codestore.Store{
		"files": func(t *testing.T) codestore.Store {
			files, err := codestore.NewFiles(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			return files
		},
		"Swift": func(t *testing.T) codestore.Store {
			server := swifttest.New(t)
			client := swift.New(swift.Config{Token: swift.Fixed("token"), Endpoint: swift.At(server.Grant("token", "service"))})
			return codestore.NewSwift(client, "packages", t.TempDir())
		},
	} {
		for name, test := range map[string]func(*collection){
			"listed, deployed":             (*collection).deployedWhenListed,
			"listed, uploaded, recorded":   (*collection).uploadedWhenListed,
			"uploaded, deleted, recorded":  (*collection).recordedLate,
			"deployed while it is deleted": (*collection).deployedWhileDeleted,
			"an engine died deleting":      (*collection).deletionGivenUp,
		} {
			t.Run(kind+"/"+name, func(t *testing.T) { test(newCollection(t, open(t))) })
		}
	}
}

func (c *collection) deployedWhenListed() {
	c.held.listed = c.deploy
	c.upkeep.CollectPackages(c.Context())
	c.there(true)
}

func (c *collection) uploadedWhenListed() {
	c.held.listed = func() { c.must(c.upload()) }
	c.upkeep.CollectPackages(c.Context())
	c.there(true)
	c.must(c.record())
	c.there(true)
}

// recordedLate takes longer over recording the function than an upload is waited for.
func (c *collection) recordedLate() {
	c.must(c.upload())
	c.now = c.now.Add(time.Hour)
	c.upkeep.CollectPackages(c.Context())
	c.there(false)
	c.unavailable(c.record())
	c.deploy()
	c.upkeep.CollectPackages(c.Context())
	c.there(true)
}

func (c *collection) deployedWhileDeleted() {
	tried := 0
	during := func() {
		tried++
		c.unavailable(c.upload())
		c.unavailable(c.record())
	}
	c.held.deleting, c.held.deleted = during, during
	c.upkeep.CollectPackages(c.Context())
	if tried != 2 {
		c.Errorf("tried %d times", tried)
	}
	c.there(false)
	c.deploy()
	c.there(true)
}

// deletionGivenUp has deletions begun and not finished: before the package is gone, and after.
func (c *collection) deletionGivenUp() {
	c.held.fails = faas.Errorf(faas.Unavailable, "Swift is away.")
	c.upkeep.CollectPackages(c.Context())
	c.held.fails = nil
	c.upkeep.FinishPackages(c.Context())
	c.there(true) // another may be at it still
	c.unavailable(c.upload())
	c.now = c.now.Add(2 * packageTimeout)
	c.upkeep.FinishPackages(c.Context())
	c.there(false)
	c.deploy()
	c.upkeep.CollectPackages(c.Context())
	c.upkeep.FinishPackages(c.Context())
	c.there(true)
}
