package preparation

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	project    = "p"
	trustToken = "the-token-of-the-trust"
)

// rig is a preparer on SQLite, files and a small Swift. No worker runs.
type rig struct {
	*testing.T
	store    *store.Store
	swift    *swifttest.Server
	source   *swiftcode.Source
	preparer *Preparer

	mu     sync.Mutex
	token  func() (faas.Secret, error) // what Keystone answers for a trust
	forgot []string                    // trusts whose tokens were
	late   time.Duration               // how much later than it is the preparer has it
	quota  faas.Amounts
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, swift: swifttest.New(t)}
	r.keystone(func() (faas.Secret, error) { return trustToken, nil })
	r.swift.Grant(trustToken, project)
	url, log := "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), slog.New(slog.DiscardHandler)
	storetest.Migrate(t, url)
	var err error
	r.store, err = store.Open(t.Context(), url, store.Options{Log: log})
	r.must(err)
	code, err := codestore.NewFiles(t.TempDir())
	r.must(err)
	r.source = swiftcode.New(swiftcode.Config{
		Swift: swift.New(swift.Config{}), Code: code, MaxSize: 1 << 20,
		Endpoint: func(_ context.Context, projectID string) (string, error) { return r.swift.Endpoint(projectID), nil },
	})
	r.preparer = New(Config{
		Functions: r.store.FunctionStore, Usage: r.store.QuotaStore,
		Code: code, Memory: 1 << 20, Serves: func(faas.Key) bool { return false },
		Changed: func(context.Context, faas.FunctionChanged) {}, Group: background.New(context.Background()), Now: r.clock, Log: log,
		Objects: &Objects{
			Source: r.source, Interval: time.Hour, Forget: r.forget,
			Quota: func(context.Context, string) (faas.Amounts, error) { return r.quota, nil },
			Token: func(context.Context, string) (faas.Secret, error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.token()
			},
		},
	})
	t.Cleanup(func() {
		r.preparer.Stop()
		r.must(r.store.Close())
	})
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// clock is the preparer's.
func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Add(r.late)
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late += d
}

func (r *rig) forget(trustID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgot = append(r.forgot, trustID)
}

func (r *rig) keystone(answers func() (faas.Secret, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = answers
}

// zip makes a package that returns the text.
func (r *rig) zip(text string) []byte {
	r.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": "def main(**kw):\n    return '" + text + "'\n"})
	r.must(err)
	return zip
}

// put makes the object a package that returns the text.
func (r *rig) put(text string) { r.swift.Put(project, "c", "f.zip", r.zip(text)) }

// made records a function of the object as the API does.
func (r *rig) made(trust string) faas.Function {
	r.Helper()
	rt, err := r.store.CreateRuntime(
		r.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeAvailable},
	)
	r.must(err)
	named := faas.Code{Source: faas.SourceSwift, Container: "c", Object: "f.zip"}
	code, err := r.source.Fetch(r.Context(), trustToken, project, named, nil)
	r.must(err)
	f, err := r.store.CreateFunction(r.Context(), faas.Function{
		ProjectID: project, RuntimeID: rt.ID, Entry: faas.DefaultEntry, MemorySize: faas.DefaultMemorySize, Timeout: time.Second, Code: code,
	}, nil)
	r.must(err)
	r.must(r.store.ScheduleTrustDeletion(r.Context(), trust, time.Hour))
	f, err = r.store.UpdateFunction(r.Context(), faas.AnyProject(), f.ID, store.FunctionChange{
		Trust: &store.FunctionTrust{ID: trust, Roles: []string{"member"}},
	})
	r.must(err)
	r.swift.Requests()
	return f
}

// now reads the function as it is recorded.
func (r *rig) now(f faas.Function) faas.Function {
	r.Helper()
	f, err := r.store.Function(r.Context(), faas.AnyProject(), f.ID)
	r.must(err)
	return f
}

// TestContentThatCannotBeCodeIsRemembered counts how often Swift is asked for the bytes.
func TestContentThatCannotBeCodeIsRemembered(t *testing.T) {
	r := newRig(t)
	r.put("one")
	f := r.made("trust")
	look := func(kind faas.Kind, reads int) {
		t.Helper()
		r.swift.Requests()
		if err := r.preparer.lookAt(t.Context(), f.Target().Key); faas.KindOf(err) != kind {
			t.Errorf("got %v, not %q", err, kind)
		}
		heads, gets := 0, 0
		for _, asked := range r.swift.Requests() {
			switch method, _, _ := strings.Cut(asked, " "); method {
			case "HEAD":
				heads++
			case "GET":
				gets++
			}
		}
		if heads != 1 || gets != reads {
			t.Errorf("%d HEAD and %d GET, not 1 and %d", heads, gets, reads)
		}
	}
	r.swift.Put(project, "c", "f.zip", []byte("no zip"))
	look(faas.Invalid, 1)
	look(faas.Invalid, 0)
	r.later(rejectedFor - time.Second)
	look(faas.Invalid, 0)
	r.later(2 * time.Second)
	look(faas.Invalid, 1)
	r.swift.Put(project, "c", "f.zip", []byte("no zip either"))
	look(faas.Invalid, 1)
	r.quota = faas.Amounts{faas.ResourcePackages: f.Code.Size}
	r.put(strings.Repeat("more and more", 1000))
	look(faas.OverQuota, 1)
	look(faas.OverQuota, 0)
	r.put("one") // as it was
	look("", 0)
	r.quota = nil
	r.put("three")
	look(faas.Outdated, 1)
}

// TestRevokedTokenIsRenewed has Keystone revoke the trust's tokens, as it does when somebody's
// password changes.
func TestRevokedTokenIsRenewed(t *testing.T) {
	r := newRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	r.swift.Revoke(trustToken)
	r.swift.Grant("a new token", project)
	r.keystone(func() (faas.Secret, error) { // the lock is held
		if len(r.forgot) > 0 {
			return "a new token", nil
		}
		return trustToken, nil
	})
	if err := r.preparer.lookAt(t.Context(), f.Target().Key); faas.KindOf(err) != faas.Outdated {
		t.Errorf("got %v", err)
	}
	if after := r.now(f); after.Code.ETag == f.Code.ETag || after.Revision != f.Revision+1 {
		t.Errorf("it is %+v", after)
	}
	if len(r.forgot) != 1 || r.forgot[0] != "trust" {
		t.Errorf("tokens of %q were forgotten", r.forgot)
	}
}

// TestDatabaseThatIsBehind has a caller know of a newer revision than the database has.
func TestDatabaseThatIsBehind(t *testing.T) {
	r := newRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	ahead := f.Target().Key
	ahead.Revision++
	if err := r.preparer.lookAt(t.Context(), ahead); err != nil || len(r.swift.Requests()) != 0 {
		t.Errorf("ahead: %v", err)
	}
	before := f.Target().Key
	before.Revision--
	if err := r.preparer.lookAt(t.Context(), before); faas.KindOf(err) != faas.Outdated || len(r.swift.Requests()) != 0 {
		t.Errorf("behind: %v", err)
	}
}

// TestUpdateByItsOwnerWins has the owner update the function while the engine reads the changed
// object.
func TestUpdateByItsOwnerWins(t *testing.T) {
	r := newRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	theirs := f.Code
	theirs.Object, theirs.ETag = "another", "theirs"
	r.keystone(func() (faas.Secret, error) {
		_, err := r.store.UpdateFunction(context.Background(), faas.AnyProject(), f.ID, store.FunctionChange{Code: &theirs})
		return trustToken, err
	})
	if err := r.preparer.lookAt(t.Context(), f.Target().Key); faas.KindOf(err) != faas.Outdated {
		t.Errorf("got %v", err)
	}
	if after := r.now(f); after.Code != theirs || after.Revision != f.Revision+1 {
		t.Errorf("it is %+v", after)
	}
}

// TestLooksAreShared has Swift slow to answer: nobody waits for longer than they can, and one
// request is enough for all.
func TestLooksAreShared(t *testing.T) {
	r := newRig(t)
	r.put("one")
	f := r.made("trust")
	r.swift.Hold()
	late := make(chan time.Time)
	close(late)
	for range 5 {
		if err := r.preparer.Prepare(t.Context(), f.Target(), late); faas.KindOf(err) != faas.Unavailable ||
			!strings.Contains(err.Error(), "still being read") {
			t.Errorf("got %v", err)
		}
	}
	answered := make(chan error, 1)
	go func() { answered <- r.preparer.Prepare(context.Background(), f.Target(), nil) }()
	for len(r.swift.Requests()) == 0 { // until Swift is asked
		runtime.Gosched()
	}
	r.swift.Release()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if asked := r.swift.Requests(); len(asked) != 0 {
		t.Errorf("Swift was asked again: %v", asked)
	}
}
