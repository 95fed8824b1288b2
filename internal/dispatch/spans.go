package dispatch

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// startCall begins the span of a call, from the search for a slot to the outcome.
func startCall(ctx context.Context, target faas.Target, call faas.Call) (context.Context, tracing.Span) {
	ctx, span := tracing.Start(ctx, "call the function")
	if span.Recorded() {
		span.Set("faas.execution_id", call.ExecutionID)
		span.Set("faas.function_id", target.Key.FunctionID)
		span.SetInt("faas.function_version", target.Key.Version)
		span.Set("openstack.project_id", target.ProjectID)
	}
	return ctx, span
}

func endCall(span tracing.Span, w *way, outcome faas.Outcome, err error) {
	if span.Recorded() {
		span.Set("faas.worker_id", w.workerID)
		span.Set("faas.status", string(outcome.Status))
		if outcome.Cold {
			span.SetInt("faas.cold", 1)
		}
	}
	span.End(err)
}

// startWait begins the span of a wait for a slot or a worker.
func startWait(ctx context.Context, waitsFor string) (context.Context, tracing.Span) {
	if !tracing.On() {
		return ctx, tracing.Span{}
	}
	return tracing.Start(ctx, "wait for a "+waitsFor)
}

// send sends a call to a worker. Agents have no way to a collector of traces: what they did is told
// from the times that the outcome has.
func (d *Dispatcher) send(life context.Context, w faas.Worker, call faas.Call) (faas.Outcome, error) {
	ctx := context.WithoutCancel(life)
	if !tracing.On() {
		return d.cfg.Client.Call(ctx, w, call)
	}
	ctx, span := tracing.StartClient(ctx, "ask the worker")
	span.Set("faas.worker_id", w.ID)
	if call.Trace = tracing.Carried(ctx); call.Trace != "" {
		call.Context = withTrace(call.Context, call.Trace)
	}
	begun := d.cfg.Now()
	outcome, err := d.cfg.Client.Call(ctx, w, call)
	if err == nil && span.Recorded() {
		agentSpans(ctx, begun, d.cfg.Now(), outcome)
	}
	span.End(err)
	return outcome, err
}

// agentSpans adds what happened at the worker. Clocks differ, durations do not: the agent's part is
// taken to lie in the middle of the request's time.
func agentSpans(ctx context.Context, begun, ended time.Time, outcome faas.Outcome) {
	way := max(0, ended.Sub(begun)-outcome.Duration) / 2
	at := begun.Add(way)
	end := at.Add(outcome.Duration)
	tracing.Past(ctx, "agent: find a process and load the code", at, at.Add(outcome.Ready))
	tracing.Past(ctx, "slot: run the function", at.Add(outcome.Ready), end)
}

// withTrace returns a call's context with the trace in it, for the function. Contexts are shared
// between calls: it is another one.
func withTrace(given json.RawMessage, carried string) json.RawMessage {
	member := `"` + tracing.Header + `":"` + carried + `"`
	if len(given) <= len("{}") {
		return json.RawMessage("{" + member + "}")
	}
	return append(json.RawMessage("{"+member+","), given[1:]...)
}
