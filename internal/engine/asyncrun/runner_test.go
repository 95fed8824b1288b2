package asyncrun

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const project = "p"

// rig is a runner on SQLite and the broker within the process, whose calls succeed without a
// worker.
type rig struct {
	*testing.T
	file   string // of the database
	store  *store.Store
	broker *sent
	group  *background.Group
	runner *Runner
	f      faas.Function
	calls  atomic.Int32
}

// sent counts the messages.
type sent struct {
	broker.Broker
	messages atomic.Int32
}

func (b *sent) Enqueue(ctx context.Context, queue string, body []byte) error {
	b.messages.Add(1)
	return b.Broker.Enqueue(ctx, queue, body)
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{
		T: t, file: filepath.Join(t.TempDir(), "faas.sqlite"), broker: &sent{Broker: broker.NewInProcess()},
		group: background.New(context.Background()),
	}
	log := slog.New(slog.DiscardHandler)
	storetest.Migrate(t, "sqlite:///"+r.file)
	var err error
	r.store, err = store.Open(t.Context(), "sqlite:///"+r.file, store.Options{Log: log, WriteTimeout: time.Second})
	r.must(err)
	t.Cleanup(func() {
		r.group.Stop()
		for _, err := range []error{r.group.Wait(context.Background()), r.store.Close(), r.broker.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	rt, err := r.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeAvailable},
	)
	r.must(err)
	r.f, err = r.store.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, Name: "f", RuntimeID: rt.ID, Entry: faas.DefaultEntry, Timeout: time.Minute,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: "abc"},
	}, nil)
	r.must(err)
	cfg := Config{
		Name: "engine", Store: r.store, Broker: r.broker, Call: r.call, Parallel: 4, Lease: time.Minute, Wait: time.Second,
		Intake: r.group, Undo: r.group, Now: time.Now, Log: log,
	}
	if change != nil {
		change(&cfg)
	}
	r.runner = New(cfg)
	return r
}

func (r *rig) call(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	r.calls.Add(1)
	return faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("done")}, nil
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// record records a queued execution whose message is lost.
func (r *rig) record() string {
	r.Helper()
	x := faas.Execution{ID: faas.NewID(), ProjectID: project, FunctionID: r.f.ID}
	r.must(r.store.Enqueue(r.Context(), x))
	return x.ID
}

func (r *rig) publishAgain(id string) {
	r.Helper()
	_, err := r.runner.PublishAgain(r.Context(), store.DueItem{Kind: store.LostMessage, Ref: id})
	r.must(err)
}

func (r *rig) execution(id string) faas.Execution {
	r.Helper()
	x, err := r.store.Execution(r.Context(), faas.AnyProject(), id)
	r.must(err)
	return x
}

// TestRunsPastALongLane has a project whose messages are behind all those of another: its execution
// runs without one.
func TestRunsPastALongLane(t *testing.T) {
	r := newRig(t, nil)
	id := r.record()
	r.runner.lanes.inHand[faas.ExecutionLane(project)].Add(int32(r.runner.Depth()))
	r.publishAgain(id)
	r.must(r.group.Wait(t.Context()))
	if x := r.execution(id); x.Status != faas.ExecutionSuccess || r.broker.messages.Load() != 0 {
		t.Errorf("got %+v; %d messages were sent", x, r.broker.messages.Load())
	}
}

// TestWakesByMessage has a lane that is short: the lost message is sent again.
func TestWakesByMessage(t *testing.T) {
	r := newRig(t, nil)
	id := r.record()
	r.publishAgain(id)
	if x := r.execution(id); x.Status != faas.ExecutionQueued || r.broker.messages.Load() != 1 || r.calls.Load() != 0 {
		t.Errorf("got %+v; %d messages were sent, %d calls made", x, r.broker.messages.Load(), r.calls.Load())
	}
}

// TestPublishesNothingOfWhatIsOver has an execution that runs, one that never was, and a broker
// that is away.
func TestPublishesNothingOfWhatIsOver(t *testing.T) {
	r := newRig(t, nil)
	id := r.record()
	_, won, err := r.store.Claim(t.Context(), id, "another", time.Hour)
	if err != nil || !won {
		t.Fatal(won, err)
	}
	r.publishAgain(id)
	r.publishAgain(faas.NewID())
	if n := r.broker.messages.Load(); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}
