package functional

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// leave writes its number to a file, once for each time that it runs.
const leave = `
import os

def main(n, path, **kwargs):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"%d\n" % n)
    os.close(fd)
    return n
`

const kills = 50

// TestKill kills the service at random points under load and then counts: every execution that was acknowledged has ended,
// a success ran exactly once, an error at most once, and nothing ran twice.
func TestKill(t *testing.T) {
	ctx := patience(t, 10*time.Minute)
	dir, marks := stateAndMarks(t)
	conf := "[engine]\nlease = 2\nreap_interval = 1\npool_size = 2\n"
	var log logBuffer
	l := &ledger{marks: marks, acknowledged: map[string]int{}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	s := start(ctx, t, dir, conf, &log)
	l.function = python(ctx, t, s.Client, leave).ID
	for round := range kills {
		if round > 0 {
			s = start(ctx, t, dir, conf, &log)
		}
		work, cancel := context.WithCancel(ctx)
		done := l.load(work, s.Client)
		select {
		case <-time.After(time.Duration(20+random.IntN(700)) * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		s.Kill()
		cancel()
		done.Wait()
	}
	s = start(ctx, t, dir, conf, &log)
	defer stop(t, s)
	l.settle(ctx, t, s.Client)
	if t.Failed() {
		t.Logf("the end of the service's log:\n%s", log.String()[max(0, len(log.String())-8000):])
	}
}

// stateAndMarks makes a folder for the service and a file that functions may write, whoever they run as.
func stateAndMarks(t *testing.T) (dir, marks string) {
	t.Helper()
	dir = t.TempDir()
	open, err := os.MkdirTemp("", "faas-marks-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	marks = filepath.Join(open, "marks")
	for _, err := range []error{os.Chmod(open, 0o711), os.WriteFile(marks, nil, 0o600), os.Chmod(marks, 0o666)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir, marks
}

// ledger remembers what the service acknowledged.
type ledger struct {
	marks, function string

	mu           sync.Mutex
	next         int
	acknowledged map[string]int // the number that each execution was given
	syncs        int
}

// load asks for executions from several sides until ctx ends or the service is gone.
func (l *ledger) load(ctx context.Context, c *apiclient.Client) *sync.WaitGroup {
	var done sync.WaitGroup
	for caller := range 6 {
		sync := caller < 2
		done.Go(func() {
			for ctx.Err() == nil {
				if !l.ask(ctx, c, sync) {
					return
				}
			}
		})
	}
	return &done
}

func (l *ledger) ask(ctx context.Context, c *apiclient.Client, sync bool) bool {
	l.mu.Lock()
	l.next++
	n := l.next
	l.mu.Unlock()
	x, err := c.Execute(ctx, l.function, sync, map[string]any{"n": n, "path": l.marks})
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[x.ID] = n
	if sync {
		l.syncs++
	}
	return true
}

// settle waits for the end of all that was acknowledged and holds it against what ran.
func (l *ledger) settle(ctx context.Context, t *testing.T, c *apiclient.Client) {
	byStatus := map[string]int{}
	ended := map[string]apiclient.Execution{}
	for id := range l.acknowledged {
		x, err := c.Await(ctx, id, 20*time.Millisecond)
		if err != nil {
			t.Errorf("lost: execution %s: %v", id, err)
			continue
		}
		ended[id] = x
		byStatus[x.Status]++
	}
	ran := l.ran(t) // now that all have ended
	for id, x := range ended {
		l.judge(t, x, ran[l.acknowledged[id]])
	}
	for n, times := range ran {
		if times > 1 {
			t.Errorf("number %d ran %d times", n, times)
		}
	}
	t.Logf("%d kills; acknowledged %d (%d synchronous), of which %v; lost %d, doubled 0 unless told above",
		kills, len(l.acknowledged), l.syncs, byStatus, len(l.acknowledged)-len(ended))
	if len(l.acknowledged) < 10*kills {
		t.Errorf("only %d executions were acknowledged: the load proves too little", len(l.acknowledged))
	}
}

func (l *ledger) judge(t *testing.T, x apiclient.Execution, times int) {
	t.Helper()
	switch {
	case x.Status == "success" && times == 1:
	case x.Status == "error" && times <= 1 && strings.Contains(x.Result, "may have run"):
	default:
		t.Errorf("execution %s (sync %v) ran %d times and its record says %s %s", x.ID, x.Sync, times, x.Status, x.Result)
	}
}

// ran counts how often each number was written.
func (l *ledger) ran(t *testing.T) map[int]int {
	t.Helper()
	b, err := os.ReadFile(l.marks)
	if err != nil {
		t.Fatal(err)
	}
	times := map[int]int{}
	for line := range strings.Lines(string(b)) {
		var n int
		if _, err := fmt.Sscan(line, &n); err != nil {
			t.Fatalf("mark %q: %v", line, err)
		}
		times[n]++
	}
	return times
}
