package engine

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
)

// images are local workers, and images that are Go functions.
type images struct {
	*local.Orchestrator
	run  func(orchestrator.ImageCall) (faas.Outcome, error)
	feed orchestrator.Feed // of local workers and servers

	mu      sync.Mutex
	started map[string]faas.Worker
	up      func(id string) error // how a server comes up

	forgotten chan string // functions
	swept     chan struct{}
}

func (o *images) RunImage(_ context.Context, call orchestrator.ImageCall) (faas.Outcome, error) {
	return o.run(call)
}

func (o *images) StartServer(_ context.Context, id string, target faas.Target) error {
	o.mu.Lock()
	w := faas.Worker{ID: id, Key: target.Key, ProjectID: target.ProjectID, Slots: 3, Address: "unix:/nowhere"}
	o.started[id] = w
	o.feed.Set(w)
	o.mu.Unlock()
	err := o.up(id)
	o.mu.Lock()
	defer o.mu.Unlock()
	if w.Ready = true; err == nil {
		o.started[id] = w
		o.feed.Set(w)
	} else {
		delete(o.started, id)
		o.feed.End(id, "it did not come up")
	}
	return err
}

func (o *images) ForgetFunction(_ context.Context, functionID string) { o.forgotten <- functionID }

func (o *images) SweepUnused(context.Context) error {
	select {
	case o.swept <- struct{}{}:
	default:
	}
	return nil
}

func (o *images) Workers() []faas.Worker {
	workers := o.Orchestrator.Workers()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.started {
		workers = append(workers, w)
	}
	return workers
}

// Watch delivers the local workers and the servers.
func (o *images) Watch(ctx context.Context) <-chan []orchestrator.Change {
	local := o.Orchestrator.Watch(ctx)
	go func() {
		for changes := range local {
			for _, c := range changes {
				if c.Gone {
					o.feed.End(c.Worker.ID, c.Reason)
				} else {
					o.feed.Set(c.Worker)
				}
			}
		}
	}()
	return o.feed.Watch(ctx)
}

func (o *images) servers() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.started)
}

// withImages runs the rig's engine on images.
func withImages(t *testing.T, limits func(*Limits)) (*rig, *images) {
	t.Helper()
	r := newRig(t, limits)
	o := &images{
		Orchestrator: r.workers, started: map[string]faas.Worker{}, forgotten: make(chan string, 10),
		swept: make(chan struct{}, 1),
	}
	r.with(func(c *Config) { c.Orchestrator = o })
	return r, o
}

func (r *rig) imageFunction(project string, protocol faas.Protocol) faas.Function {
	r.Helper()
	f, err := r.store.CreateFunction(r.Context(), faas.Function{
		ProjectID: project, Name: "f", CPU: 1000, MemorySize: faas.DefaultMemorySize, Timeout: 2 * time.Minute,
		Code: faas.Code{Source: faas.SourceImage, Image: "image", Protocol: protocol},
	}, nil)
	r.must(err)
	return f
}

func (r *rig) askToRun(f faas.Function, input string) (answer faas.RunImageAnswer, err error) {
	call := faas.Call{ExecutionID: faas.NewID(), Key: f.Target().Key, Input: json.RawMessage(input), Timeout: f.Timeout}
	err = r.broker.Call(r.Context(), faas.MethodRunImage, faas.RunImageRequest{Target: f.Target(), Call: call}, &answer)
	return answer, err
}

func TestRunsAnImage(t *testing.T) {
	r, o := withImages(t, nil)
	o.run = func(call orchestrator.ImageCall) (faas.Outcome, error) {
		text := strings.Join(call.Arguments, ",")
		switch text {
		case "refuse":
			return faas.Outcome{}, faas.Errorf(faas.Unavailable, "not now")
		case "lose":
			return faas.Outcome{}, faas.Errorf(faas.Internal, "it may have run")
		}
		return faas.Outcome{
			Status: faas.ExecutionSuccess,
			Output: faas.TextOutput(call.Target.Image + " " + text),
			Log:    text,
		}, nil
	}
	r.run()
	f := r.imageFunction(project, faas.ProtocolRun)
	x := r.ended(r.enqueue(f, `{"__function_input":"a b"}`))
	if x.Status != faas.ExecutionSuccess || !strings.Contains(x.Result, `"image a,b"`) {
		t.Errorf("got %+v", x)
	}
	if x := r.ended(r.enqueue(f, `{"__function_input":"lose"}`)); x.Status != faas.ExecutionError {
		t.Errorf("a container that was lost: %+v", x)
	}
	if answer, err := r.askToRun(f, `{"n":1}`); err != nil || answer.Outcome == nil ||
		string(answer.Outcome.Output) != `"image {\"n\":1}"` {
		t.Errorf("got %+v, %v", answer, err)
	}
	if answer, err := r.askToRun(f, `{"__function_input":"a\u0000"}`); err != nil || answer.Outcome == nil ||
		answer.Outcome.Status != faas.ExecutionFailed {
		t.Errorf("an input that makes no arguments: %+v, %v", answer, err)
	}
	if answer, err := r.askToRun(f, `{"__function_input":"refuse"}`); err != nil || answer.Refused != faas.Unavailable ||
		answer.Message != "not now" {
		t.Errorf("got %+v, %v", answer, err)
	}
	if answer, err := r.askToRun(f, `{"__function_input":"lose"}`); faas.KindOf(err) != faas.Internal {
		t.Errorf("got %+v, %v", answer, err)
	}
}

// TestBoundsContainers has a project that asks for more than there may be: it is told to come
// again, and another has its turn.
func TestBoundsContainers(t *testing.T) {
	r, o := withImages(t, func(l *Limits) { l.ImagePods, l.Wait = 2, 200*time.Millisecond })
	running, release := make(chan string, 10), make(chan struct{})
	o.run = func(call orchestrator.ImageCall) (faas.Outcome, error) {
		running <- call.Target.ProjectID
		<-release
		return faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("")}, nil
	}
	r.run()
	greedy, modest := r.imageFunction(project, faas.ProtocolRun), r.imageFunction(other, faas.ProtocolRun)
	done := make(chan faas.RunImageAnswer, 10)
	ask := func(f faas.Function) {
		answer, err := r.askToRun(f, "")
		if err != nil {
			t.Error(err)
		}
		done <- answer
	}
	go ask(greedy)
	<-running
	go ask(modest)
	if p := <-running; p != other {
		t.Errorf("%s runs", p)
	}
	go ask(greedy)
	if answer := <-done; answer.Refused != faas.Busy || answer.RetryAfter == 0 {
		t.Errorf("a third container of two: %+v", answer)
	}
	close(release)
	for range 2 {
		if answer := <-done; answer.Outcome == nil {
			t.Errorf("got %+v", answer)
		}
	}
}

// TestStartsServers has callers of a function whose image is a server: workers are made for them,
// as many as they need and no more.
func TestStartsServers(t *testing.T) {
	r, o := withImages(t, func(l *Limits) { l.PerFunction = 2 })
	up := make(chan struct{})
	release := sync.OnceFunc(func() { close(up) })
	o.up = func(string) error {
		<-up
		return nil
	}
	r.run()
	t.Cleanup(release)
	f := r.imageFunction(project, faas.ProtocolHTTP)
	got := make(chan faas.Worker, 10)
	ask := func(waiting int, known ...string) {
		w, err := r.engine.acquire(
			r.Context(), faas.AcquireRequest{Target: f.Target(), Caller: "c", Waiting: waiting, Known: known},
		)
		if err != nil {
			t.Error(err)
		}
		got <- w
	}
	go ask(1)
	r.await("a server starts", func() bool { return o.servers() == 1 })
	go ask(1)
	// What a caller said last counts: the seven are the last.
	r.await("both wait", func() bool { return r.engine.placement.Waiting() == 2 })
	go ask(7)
	r.await("seven calls of three at a time start another", func() bool { return o.servers() == 2 })
	release()
	for range 3 {
		if w := <-got; w.Key != f.Target().Key || !strings.HasPrefix(w.ID, "server-") {
			t.Errorf("got %+v", w)
		}
	}
	if n := o.servers(); n != 2 {
		t.Errorf("%d servers, of two at most", n)
	}
}

// TestServerThatDoesNotComeUp has its callers told why, all of them at once, and later ones again.
func TestServerThatDoesNotComeUp(t *testing.T) {
	r, o := withImages(t, nil)
	o.up = func(string) error { return faas.Errorf(faas.Invalid, "no such image") }
	r.run()
	f := r.imageFunction(project, faas.ProtocolHTTP)
	ask := func() error {
		_, err := r.engine.acquire(r.Context(), faas.AcquireRequest{Target: f.Target(), Caller: "c", Waiting: 1})
		return err
	}
	for range 2 {
		if err := ask(); faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "no such image") {
			t.Errorf("got %v", err)
		}
	}
	if x := r.ended(r.enqueue(f, "")); x.Status != faas.ExecutionError || !strings.Contains(x.Result, "no such image") {
		t.Errorf("got %+v", x)
	}
}

// TestForgetsPasswords deletes a function whose image is pulled with a password, and others.
func TestForgetsPasswords(t *testing.T) {
	r, o := withImages(t, nil)
	r.run()
	for _, change := range []faas.FunctionChanged{
		{FunctionID: "public"}, {FunctionID: "private", Private: true},
	} {
		body, err := json.Marshal(change)
		r.must(err)
		r.must(r.broker.Broadcast(r.Context(), faas.TopicFunction, body))
	}
	select {
	case id := <-o.forgotten:
		if id != "private" {
			t.Errorf("forgot %s", id)
		}
	case <-time.After(hangTimeout):
		t.Error("nothing was forgotten")
	}
}

// TestSweepsPasswords has an engine do so as work that is due.
func TestSweepsPasswords(t *testing.T) {
	r, o := withImages(t, nil)
	r.run()
	select {
	case <-o.swept:
	case <-time.After(hangTimeout):
		t.Error("nothing was swept")
	}
}

// TestNoImagesHere is an engine whose orchestrator runs none.
func TestNoImagesHere(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	for _, protocol := range []faas.Protocol{faas.ProtocolRun, faas.ProtocolHTTP} {
		if x := r.ended(r.enqueue(r.imageFunction(project, protocol), "")); x.Status != faas.ExecutionError ||
			!strings.Contains(x.Result, "does not run container images") {
			t.Errorf("%s: %+v", protocol, x)
		}
	}
}
