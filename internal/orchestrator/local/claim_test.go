package local

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/testkit"
)

// specialised returns a worker that runs the source; the orchestrator does not know of the claim
// yet.
func specialised(
	t *testing.T, o *Orchestrator, agents *dispatch.Client, source string, memory int64,
) (faas.Worker, faas.Target) {
	t.Helper()
	if err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 1}); err != nil {
		t.Fatal(err)
	}
	var pack bytes.Buffer
	z := zip.NewWriter(&pack)
	f, err := z.Create("main.py")
	if err == nil {
		_, err = f.Write([]byte(source))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	target := faas.Target{
		Key:        faas.Key{FunctionID: faas.NewID()},
		Entry:      faas.DefaultEntry,
		CPU:        1000,
		MemorySize: memory,
	}
	sum := sha256.Sum256(pack.Bytes())
	w := o.Workers()[0]
	_, err = agents.Specialise(t.Context(), w, faas.Specialisation{
		Key: target.Key, Entry: target.Entry, SHA256: hex.EncodeToString(sum[:]), MemorySize: target.MemorySize,
	}, pack.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return w, target
}

// A worker may use more than the limit that is set for it: then its largest process ends.
func TestClaimOfAWorkerThatUsesTooMuchAlready(t *testing.T) {
	o := open(t, nil)
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	if !o.limits.host.Has("memory") {
		t.Skip("this host does not bound the memory")
	}
	agents := dispatch.NewClient(o.Token)
	defer agents.Close()
	w, target := specialised(t, o, agents,
		"kept = []\ndef main(size):\n    kept.append(bytearray(size))\n    return size\n", 256<<20)
	target.MemorySize = 32 << 20 // less than its agent was told
	call := func(input string) faas.Outcome {
		t.Helper()
		outcome, err := agents.Call(t.Context(), w, faas.Call{
			ExecutionID: faas.NewID(), Key: target.Key, Input: json.RawMessage(input), Timeout: hangTimeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		return outcome
	}
	if outcome := call(`{"size": 200000000}`); outcome.Status != faas.ExecutionSuccess {
		t.Fatalf("under the pool's ceiling: %s", outcome.Output)
	}
	if err := o.Claimed(t.Context(), w.ID, orchestrator.Claim{Target: target}); err != nil {
		t.Fatal(err)
	}
	if outcome := call(`{"size": 1000000}`); outcome.Status != faas.ExecutionSuccess {
		t.Errorf("within the function's own limit: %s", outcome.Output)
	}
	if outcome := call(`{"size": 200000000}`); outcome.Status != faas.ExecutionFailed ||
		!strings.Contains(string(outcome.Output), faas.OutputResources) {
		t.Errorf("beyond the function's own limit: %s %s", outcome.Status, outcome.Output)
	}
}

// The pool must not end a worker that has just been claimed.
func TestShrinkingKeepsWhatIsBeingClaimed(t *testing.T) {
	o := open(t, nil)
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	agents := dispatch.NewClient(o.Token)
	defer agents.Close()
	w, target := specialised(t, o, agents,
		"import os, time\ndef main(path):\n    while not os.path.exists(path):\n        time.sleep(0.01)\n",
		faas.DefaultMemorySize)
	end := filepath.Join(testkit.SharedFolder(t), "end")
	running := make(chan error, 1)
	go func() {
		_, err := agents.Call(t.Context(), w, faas.Call{
			ExecutionID: faas.NewID(), Key: target.Key, Timeout: hangTimeout, Input: json.RawMessage(`{"path": "` + end + `"}`),
		})
		running <- err
	}()
	for { // until the call has begun
		status, err := agents.Status(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if status.Busy > 0 {
			break
		}
	}
	o.mu.Lock()
	claimed := o.workers[w.ID]
	o.mu.Unlock()
	if err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 0}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-claimed.kept: // it was asked to drain while the call runs
	case <-claimed.gone:
		t.Fatal("it was ended")
	}
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-running; err != nil {
		t.Errorf("the call was lost: %v", err)
	}
	if err := o.Claimed(t.Context(), w.ID, orchestrator.Claim{Target: target}); err != nil {
		t.Errorf("the claim came too late: %v", err)
	}
}

// The error must say, for the owner of the runtime, which interpreters were tried and what was
// wrong with each.
func TestInterpreterThatWorkersCannotRun(t *testing.T) {
	missing := "/no/such/python3"
	o := open(t, func(cfg *Config) { cfg.Interpreters = map[string]string{"python3": missing} })
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 1})
	if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), missing) ||
		!strings.Contains(err.Error(), "3.8") {
		t.Errorf("said: %v", err)
	}
}

func TestDescribe(t *testing.T) {
	o := open(t, nil)
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	lines := strings.Join(o.Describe(), "\n")
	for _, limit := range []string{
		"memory:", "cpu:", "processes:", "open files:", "file size:", "timeout:", "user:", "network:",
	} {
		if !strings.Contains(lines, limit) {
			t.Errorf("tells nothing of %q:\n%s", limit, lines)
		}
	}
	t.Log("\n" + lines)
}
