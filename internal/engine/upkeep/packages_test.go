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
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// heldPackages is a code store that has something happen around a deletion.
type heldPackages struct {
	codestore.Store
	deleting, deleted func() // called before a deletion and after it; nil: nothing happens
	fails             error  // of deletions
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
	storetest.Migrate(t, url)
	var err error
	c.store, err = store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler), Now: c.clock})
	c.must(err)
	t.Cleanup(func() { _ = c.store.Close() })
	rt, err := c.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: "p", Image: "python3", Status: faas.RuntimeAvailable},
	)
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
			"due, deployed":                (*collection).deployedBefore,
			"due, uploaded, recorded":      (*collection).uploadedBefore,
			"uploaded, deleted, recorded":  (*collection).recordedLate,
			"deployed while it is deleted": (*collection).deployedWhileDeleted,
			"an engine died deleting":      (*collection).deletionGivenUp,
			"young":                        (*collection).tooYoung,
			"searched for":                 (*collection).searched,
		} {
			t.Run(kind+"/"+name, func(t *testing.T) { test(newCollection(t, open(t))) })
		}
	}
}

// look does the item of due work that the package has.
func (c *collection) look() {
	c.Helper()
	_, err := c.upkeep.DeletePackage(c.Context(), store.DueItem{Ref: oldDigest, Age: time.Minute})
	c.must(err)
}

func (c *collection) deployedBefore() {
	c.deploy()
	c.look()
	c.there(true)
}

func (c *collection) uploadedBefore() {
	c.must(c.upload())
	c.look()
	c.there(true)
	c.must(c.record())
	c.look()
	c.there(true)
}

// recordedLate takes longer over recording the function than an upload is waited for.
func (c *collection) recordedLate() {
	c.must(c.upload())
	c.now = c.now.Add(time.Hour)
	c.look()
	c.there(false)
	c.unavailable(c.record())
	c.deploy()
	c.look()
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
	c.look()
	if tried != 2 {
		c.Errorf("tried %d times", tried)
	}
	c.there(false)
	c.deploy()
	c.there(true)
}

// deletionGivenUp has a deletion begun and not finished.
func (c *collection) deletionGivenUp() {
	c.held.fails = faas.Errorf(faas.Unavailable, "Swift is away.")
	_, err := c.upkeep.DeletePackage(c.Context(), store.DueItem{Ref: oldDigest, Age: time.Minute})
	c.unavailable(err)
	c.held.fails = nil
	c.look()
	c.there(true) // the deletion may be under way still
	c.unavailable(c.upload())
	c.now = c.now.Add(packageHold)
	c.look()
	c.there(false)
	c.deploy()
	c.look()
	c.there(true)
}

// tooYoung has a package that nobody has had for less than the time of grace.
func (c *collection) tooYoung() {
	c.upkeep.cfg.PackageGrace = time.Hour
	c.look()
	c.there(true)
	c.upkeep.cfg.PackageGrace = time.Second
	c.look()
	c.there(false)
}

// searched has packages found that no item of due work is about.
func (c *collection) searched() {
	search := func(want int) {
		c.Helper()
		_, err := c.upkeep.SearchPackages(c.Context(), store.DueItem{})
		c.must(err)
		all := make([]int, c.store.Shards())
		for shard := range all {
			all[shard] = shard
		}
		items, err := c.store.DueItems(
			c.Context(), store.DueQuery{Shards: all, Room: map[string]int{store.PackageDeletion: 10}},
		)
		if err != nil || len(items) != want || want == 1 && items[0].Ref != oldDigest {
			c.Errorf("found are %v, %v; want %d", items, err, want)
		}
	}
	c.must(c.record())
	search(0)
	rows, err := c.store.Functions(c.Context(), faas.AnyProject(), faas.Query{})
	c.must(err)
	_, err = c.store.DeleteFunction(c.Context(), faas.AnyProject(), rows.Items[0].ID)
	c.must(err)
	c.must(c.store.WithdrawDue(c.Context(), store.PackageDeletion, oldDigest)) // as if an older release had deleted it
	search(1)
}
