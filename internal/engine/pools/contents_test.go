package pools

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// learner is pools whose workers say what the test wants, and the ids of those that were asked.
type learner struct {
	*testing.T
	pools *Pools
	store *store.Store
	fleet *fleet.Fleet
	group *background.Group
	owns  bool
	asked []string
	said  faas.Contents
	err   error
}

func newLearner(t *testing.T) *learner {
	t.Helper()
	l := &learner{T: t, owns: true}
	url, log := "sqlite:///"+filepath.Join(t.TempDir(), "faas.sqlite"), slog.New(slog.DiscardHandler)
	storetest.Migrate(t, url)
	var err error
	l.store, err = store.Open(t.Context(), url, store.Options{Log: log})
	l.must(err)
	t.Cleanup(func() { l.must(l.store.Close()) })
	o := &full{}
	client := dispatch.NewClient(o.Token)
	t.Cleanup(client.Close)
	l.group = background.New(t.Context())
	t.Cleanup(l.group.Stop)
	l.fleet = fleet.New(
		fleet.Config{Orchestrator: o, Client: client, Group: l.group, ServerUp: func() {}, Now: time.Now, Log: log},
	)
	l.pools = New(Config{
		Runtimes: l.store.RuntimeStore, Shards: l.store.Shards(), Orchestrator: o,
		Owns: func(string) bool { return l.owns }, Size: 1, Workers: 10, Group: l.group,
		Contents: func(_ context.Context, w faas.Worker) (faas.Contents, error) {
			l.asked = append(l.asked, w.ID)
			return l.said, l.err
		},
		Now: time.Now, Log: log, Fleet: l.fleet,
	})
	return l
}

func (l *learner) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// start shows a generic worker that was started at a second.
func (l *learner) start(id, runtimeID string, second int64) {
	l.fleet.Apply([]orchestrator.Change{{Worker: faas.Worker{
		ID: id, RuntimeID: runtimeID, Address: "unix:/nowhere", Slots: 1, Ready: true, StartedAt: time.Unix(second, 0),
	}}})
}

// look has the pools look once, and returns which worker was asked.
func (l *learner) look() (asked string) {
	l.Helper()
	l.asked = nil
	l.pools.learn()
	l.must(l.group.Wait(l.Context()))
	if len(l.asked) > 1 {
		l.Fatalf("asked %v at once", l.asked)
	}
	if len(l.asked) == 0 {
		return ""
	}
	return l.asked[0]
}

// TestPoolsLearnWhatRuntimesHave asks the newest worker of a runtime, once.
func TestPoolsLearnWhatRuntimesHave(t *testing.T) {
	l := newLearner(t)
	r, err := l.store.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3"})
	l.must(err)
	recorded := func(interpreter, modules string) {
		t.Helper()
		got, err := l.store.Runtime(t.Context(), faas.AnyProject(), r.ID)
		l.must(err)
		if got.Interpreter != interpreter || got.Modules != modules {
			t.Fatalf("recorded %q, %q; want %q, %q", got.Interpreter, got.Modules, interpreter, modules)
		}
	}
	looks := func(want string) {
		t.Helper()
		if got := l.look(); got != want {
			t.Fatalf("asked %q, want %q", got, want)
		}
	}
	looks("")
	l.start("a", r.ID, 1)
	l.start("b", r.ID, 2)
	l.err = errors.New("no answer")
	looks("b")
	recorded("", "")
	l.err, l.said = nil, faas.Contents{Interpreter: "Python 3.11.2", Modules: []faas.Module{{Name: "six"}}}
	looks("b")
	looks("")
	recorded("Python 3.11.2", `[{"name":"six","version":null}]`)

	// What another engine has recorded meanwhile stays, if a worker says nothing new.
	l.must(l.store.SetRuntimeContents(t.Context(), r.ID, "another engine's", ""))
	l.start("c", r.ID, 3)
	looks("c")
	recorded("another engine's", "")
	l.said.Interpreter = "Python 3.13.1"
	l.start("d", r.ID, 4)
	looks("d")
	recorded("Python 3.13.1", `[{"name":"six","version":null}]`)

	l.err = &dispatch.RefusedError{Refused: "unknown"} // an agent of a release before
	l.start("e", r.ID, 5)
	looks("e")
	looks("")
	recorded("Python 3.13.1", `[{"name":"six","version":null}]`)

	l.owns = false
	l.start("f", r.ID, 6)
	looks("")
	l.owns, l.err = true, nil // and what was known is known no more
	looks("f")
}
