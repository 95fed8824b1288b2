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
	"github.com/openstack-faas/faas/internal/testkit"
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

// kills is how often the service is killed.
const kills = 50

// TestKill kills the service at random points under load and then counts: every execution that was
// acknowledged has ended, a success ran exactly once, an error at most once, and nothing ran twice.
func TestKill(t *testing.T) {
	ctx := testContext(t)
	dir, marks := stateAndMarks(t)
	conf := "[engine]\nlease = 2\nreap_interval = 1\npool_size = 2\n[worker]\nbuiltin_runtimes = python3\n"
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
		// By turns: in the burst after a start, when most is queued, and once calls run and end.
		burst := round%2 == 0
		done := l.load(work, s.Client, burst)
		if burst {
			l.more(ctx, t, random.IntN(60), 0)
		} else {
			l.more(ctx, t, random.IntN(30), 1+random.IntN(5))
		}
		<-time.After(time.Duration(random.IntN(50)) * time.Millisecond) // or all kills would follow an answer
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

// stateAndMarks makes a folder for the service and a file that functions may write, whoever they
// run as.
func stateAndMarks(t *testing.T) (dir, marks string) {
	t.Helper()
	dir = t.TempDir()
	marks = filepath.Join(testkit.SharedFolder(t), "marks")
	for _, err := range []error{os.WriteFile(marks, nil, 0o600), os.Chmod(marks, 0o666)} {
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

// more waits until so many more executions have been acknowledged, so many of them synchronous.
func (l *ledger) more(ctx context.Context, t *testing.T, n, syncs int) {
	t.Helper()
	count := func() (all, syncs int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acknowledged), l.syncs
	}
	all, synchronous := count()
	await(ctx, t, fmt.Sprintf("%d more executions are acknowledged, %d of them synchronous", n, syncs), func() bool {
		allNow, synchronousNow := count()
		return allNow >= all+n && synchronousNow >= synchronous+syncs
	})
}

// refusedPause keeps callers whom nobody answers from asking as fast as they can.
const refusedPause = 20 * time.Millisecond

// load asks for executions from several sides until ctx ends: two wait for answers, the others for
// acknowledgements, and for the ends of their executions too unless this is a burst.
func (l *ledger) load(ctx context.Context, c *apiclient.Client, burst bool) *sync.WaitGroup {
	var done sync.WaitGroup
	for caller := range 6 {
		sync := caller < 2
		done.Go(func() {
			for ctx.Err() == nil {
				id := l.ask(ctx, c, sync)
				if id == "" {
					<-time.After(refusedPause)
				} else if !sync && !burst {
					_, _ = c.Await(ctx, id, 10*time.Millisecond) // settle looks at all of them
				}
			}
		})
	}
	return &done
}

// ask executes the function once and returns the id of the execution, "" if that is not
// acknowledged.
func (l *ledger) ask(ctx context.Context, c *apiclient.Client, sync bool) (id string) {
	l.mu.Lock()
	l.next++
	n := l.next
	l.mu.Unlock()
	x, err := c.Execute(ctx, l.function, sync, map[string]any{"n": n, "path": l.marks})
	if err != nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[x.ID] = n
	if sync {
		l.syncs++
	}
	return x.ID
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
	if len(l.acknowledged) < 10*kills || l.syncs < kills/2 {
		t.Errorf(
			"only %d executions were acknowledged, %d synchronous: the load proves too little", len(l.acknowledged),
			l.syncs,
		)
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
