package imagerun

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/testkit/traces"
	"github.com/openstack-faas/faas/internal/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// containers run until their life ends.
type containers struct{ begun, traces chan string }

func (c containers) RunImage(life context.Context, call orchestrator.ImageCall) (faas.Outcome, error) {
	c.begun <- call.ExecutionID
	c.traces <- call.Trace
	<-life.Done()
	return faas.Outcome{Status: faas.ExecutionCancelled, Log: "so far", Duration: time.Second}, nil
}

func (containers) ForgetFunction(context.Context, string) {}

func (containers) SweepUnused(context.Context) error { return nil }

func (containers) StartServer(context.Context, string, faas.Target) error {
	return errors.New("there are no servers")
}

func newRunner(parallel int) (*Runner, containers) {
	c := containers{make(chan string, 10), make(chan string, 10)}
	return New(Config{Images: c, Parallel: parallel, Wait: time.Hour, Log: slog.New(slog.DiscardHandler)}), c
}

func target(functionID string) faas.Target {
	return faas.Target{Key: faas.Key{FunctionID: functionID}, ProjectID: "p"}
}

type result struct {
	out faas.Outcome
	err error
}

func run(t *testing.T, r *Runner, functionID, executionID string) <-chan result {
	results := make(chan result, 1)
	go func() {
		out, err := r.Run(t.Context(), target(functionID), faas.Call{ExecutionID: executionID},
			func(context.Context) error { return nil })
		results <- result{out, err}
	}()
	return results
}

// TestCancel ends a container that runs, and a call that waits for one.
func TestCancel(t *testing.T) {
	r, c := newRunner(1)
	running := run(t, r, "f", "running")
	<-c.begun
	waiting := run(t, r, "f", "waiting")
	r.Cancel("another")
	r.Cancel("waiting") // whether it waits by now or comes later
	if got := <-waiting; !errors.Is(got.err, dispatch.ErrCancelled) {
		t.Errorf("got %+v", got)
	}
	r.Cancel("running")
	got := <-running
	if got.err != nil || got.out.Status != faas.ExecutionCancelled || got.out.Log != "so far" ||
		string(got.out.Output) != `"`+faas.OutputCancelled+`"` || got.out.Duration != time.Second {
		t.Errorf("got %+v", got)
	}
}

// TestFunctionDeleted ends the containers of a function that was deleted, and nobody else's.
func TestFunctionDeleted(t *testing.T) {
	r, c := newRunner(10)
	one, other := run(t, r, "f", "one"), run(t, r, "g", "other")
	<-c.begun
	<-c.begun
	r.FunctionChanged(faas.FunctionChanged{FunctionID: "g", Revision: 2})
	r.FunctionChanged(faas.FunctionChanged{FunctionID: "g", Version: 1})
	r.FunctionChanged(faas.FunctionChanged{FunctionID: "f"})
	if got := <-one; got.err != nil || string(got.out.Output) != `"`+faas.OutputDeleted+`"` {
		t.Errorf("got %+v", got)
	}
	select {
	case got := <-other:
		t.Errorf("another function's ended: %+v", got)
	default:
	}
	r.Cancel("other")
	<-other
}

// TestServeCancelled has the news of a cancellation come before the request does.
func TestServeCancelled(t *testing.T) {
	r, c := newRunner(1)
	r.Cancel("x")
	request, err := json.Marshal(faas.RunImageRequest{Target: target("f"), Call: faas.Call{ExecutionID: "x"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Serve(t.Context(), request)
	answer, ok := got.(faas.RunImageAnswer)
	if err != nil || !ok || answer.Outcome == nil || answer.Outcome.Status != faas.ExecutionCancelled || len(c.begun) != 0 {
		t.Errorf("got %+v, %v; %d containers have run", got, err, len(c.begun))
	}
}

// TestTrace: the container is told the span of its run, which is in the caller's trace.
func TestTrace(t *testing.T) {
	collector := httptest.NewServer(&traces.Sink{})
	defer collector.Close()
	for _, endpoint := range []string{"", collector.URL} {
		stop, err := tracing.Setup(t.Context(), tracing.Config{Endpoint: endpoint, Ratio: 1, Service: "test"},
			slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const id, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
		ctx := tracing.With(t.Context(), "00-"+id+"-"+caller+"-01")
		r, c := newRunner(1)
		ended := make(chan error, 1)
		go func() {
			_, err := r.Run(ctx, target("f"), faas.Call{ExecutionID: "x"}, func(context.Context) error { return nil })
			ended <- err
		}()
		<-c.begun
		got := <-c.traces
		traced := strings.HasPrefix(got, "00-"+id+"-") && !strings.Contains(got, caller)
		if traced != (endpoint != "") || !traced && got != "" {
			t.Errorf("with a collector at %q the trace is %q", endpoint, got)
		}
		r.Cancel("x")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}
