package orchestratortest

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

const runtimeID = "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0001"

// harness does what engine and dispatcher do with an orchestrator.
type harness struct {
	*testing.T
	Subject
	ctx    context.Context
	events <-chan orchestrator.Event
	agents *dispatch.Client
}

func newHarness(t *testing.T, s Subject) *harness {
	ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
	h := &harness{T: t, Subject: s, ctx: ctx, agents: dispatch.NewClient(s.Orchestrator.Token)}
	h.events = s.Orchestrator.Events(ctx)
	t.Cleanup(func() {
		h.agents.Close()
		cancel()
	})
	return h
}

func (h *harness) setPool(image string, size int) {
	h.Helper()
	err := h.Orchestrator.SetPool(h.ctx, orchestrator.Pool{RuntimeID: runtimeID, Image: image, Size: size})
	if err != nil {
		h.Fatalf("set pool: %v", err)
	}
}

// await waits, from one event to the next, until the workers are as wanted.
func (h *harness) await(what string, wanted func([]faas.Worker) bool) {
	h.Helper()
	deadline := time.NewTimer(hangTimeout)
	defer deadline.Stop()
	for {
		workers := h.Orchestrator.Workers()
		if wanted(workers) {
			return
		}
		select {
		case _, open := <-h.events:
			if !open {
				h.Fatalf("no more events while waiting for %s", what)
			}
		case <-deadline.C:
			h.Fatalf("waited in vain for %s; there are %+v", what, workers)
		}
	}
}

// awaitGone waits for the event of the worker's end and returns its reason.
func (h *harness) awaitGone(workerID string) string {
	h.Helper()
	deadline := time.NewTimer(hangTimeout)
	defer deadline.Stop()
	for {
		select {
		case e := <-h.events:
			if e.Kind == orchestrator.Gone && e.Worker.ID == workerID {
				return e.Reason
			}
		case <-deadline.C:
			h.Fatalf("worker %s did not go", workerID)
		}
	}
}

// awaitSilence waits until the worker's agent no longer answers.
func (h *harness) awaitSilence(w faas.Worker) {
	h.Helper()
	for deadline := time.Now().Add(hangTimeout); time.Now().Before(deadline); {
		if _, err := h.agents.Status(h.ctx, w); err != nil {
			return
		}
	}
	h.Fatalf("the agent of worker %s goes on answering", w.ID)
}

func generics(workers []faas.Worker) (ready, all []faas.Worker) {
	for _, w := range workers {
		if !w.Generic() {
			continue
		}
		all = append(all, w)
		if w.Ready {
			ready = append(ready, w)
		}
	}
	return ready, all
}

// awaitPool waits until the pool has exactly so many generic workers, all ready.
func (h *harness) awaitPool(size int) []faas.Worker {
	h.Helper()
	var pool []faas.Worker
	h.await("the pool to be full", func(workers []faas.Worker) bool {
		ready, all := generics(workers)
		pool = ready
		return len(ready) == size && len(all) == size
	})
	return pool
}

// function is a claimed worker and what it serves.
type function struct {
	h      *harness
	worker faas.Worker
	target faas.Target
}

// claim makes a generic worker of the pool the function's, as the engine does.
func (h *harness) claim(source string, change func(*faas.Target)) function {
	h.Helper()
	f, status := h.first(source, change)
	claim := orchestrator.Claim{Target: f.target, Footprint: status.Footprint}
	if err := h.Orchestrator.Claimed(h.ctx, f.worker.ID, claim); err != nil {
		h.Fatalf("claimed: %v", err)
	}
	return f
}

// first goes as far as the engine does before a function's first call: the orchestrator has not
// been told of the claim.
func (h *harness) first(source string, change func(*faas.Target)) (function, faas.WorkerStatus) {
	h.Helper()
	var free []faas.Worker
	h.await("a worker that can be claimed", func(workers []faas.Worker) bool {
		free, _ = generics(workers)
		return len(free) > 0
	})
	target := faas.Target{
		Key:       faas.Key{FunctionID: faas.NewID(), Revision: 1},
		ProjectID: "project", RuntimeID: runtimeID, Entry: faas.DefaultEntry,
		CPU: 2000, MemorySize: 64 << 20,
	}
	if change != nil {
		change(&target)
	}
	if err := h.Orchestrator.Prepare(h.ctx, free[0].ID, target); err != nil {
		h.Fatalf("prepare: %v", err)
	}
	status, err := h.specialise(free[0], target, source)
	if err != nil {
		h.Fatalf("specialise: %v", err)
	}
	return function{h: h, worker: free[0], target: target}, status
}

func (h *harness) specialise(w faas.Worker, target faas.Target, source string) (faas.WorkerStatus, error) {
	pack := h.pack(source)
	sum := sha256.Sum256(pack)
	return h.agents.Specialise(h.ctx, w, faas.Specialisation{
		Key: target.Key, Entry: target.Entry, SHA256: hex.EncodeToString(sum[:]), MemorySize: target.MemorySize,
	}, pack)
}

func (h *harness) pack(source string) []byte {
	h.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	f, err := z.Create("main.py")
	if err == nil {
		_, err = f.Write([]byte(source))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		h.Fatal(err)
	}
	return buf.Bytes()
}

// call runs the function with the input as its arguments.
func (f function) call(input map[string]any) faas.Outcome {
	f.h.Helper()
	text, err := json.Marshal(input)
	if err != nil {
		f.h.Fatal(err)
	}
	outcome, err := f.h.agents.Call(f.h.ctx, f.worker, faas.Call{
		ExecutionID: faas.NewID(), Key: f.target.Key, Input: text, Timeout: hangTimeout,
	})
	if err != nil {
		f.h.Fatalf("call: %v", err)
	}
	return outcome
}

// result runs the function, which must succeed, and decodes what it returns.
func (f function) result(input map[string]any, result any) {
	f.h.Helper()
	outcome := f.call(input)
	if outcome.Status != faas.ExecutionSuccess {
		f.h.Fatalf("the function failed: %s\n%s", outcome.Output, outcome.Log)
	}
	if err := json.Unmarshal(outcome.Output, result); err != nil {
		f.h.Fatalf("output %s: %v", outcome.Output, err)
	}
}
