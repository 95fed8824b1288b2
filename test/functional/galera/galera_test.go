// Package galera_test runs the records of three processes on a Galera cluster of three nodes, each
// process on a node of its own, and has one of the nodes die.
package galera_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/testkit"
)

const (
	nodes   = 3
	callers = 4 // on each node
	calls   = 600
)

// TestGalera has calls recorded through all three nodes while all change one function. In the
// middle one node is killed. What was acknowledged is there, on both others; what two nodes wanted
// at once, one got.
func TestGalera(t *testing.T) {
	cluster, err := testkit.StartGalera(t.Context(), t.TempDir(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	must(t, cluster.Nodes[0].Exec("CREATE DATABASE faas CHARACTER SET utf8mb4"))
	url := func(n int) string { return cluster.Nodes[n].URL(cluster.Nodes[n].Address(), "faas") }
	must(t, store.Migrate(t.Context(), url(0)))
	l := &load{cluster: cluster}
	for n := range nodes {
		must(t, cluster.Nodes[n].Exec("SET STATEMENT wsrep_sync_wait = 15 FOR SELECT COUNT(*) FROM faas.shards"))
		patience := 30 * time.Second
		if n == nodes-1 { // it is to die, and nobody comes back
			patience = 2 * time.Second
		}
		s, err := store.Open(t.Context(), url(n), store.Options{WriteTimeout: patience})
		must(t, err)
		t.Cleanup(func() { _ = s.Close() })
		l.stores[n] = s
	}
	r, err := l.stores[0].CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	must(t, err)
	f := faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}
	l.function, err = l.stores[0].CreateFunction(t.Context(), f, nil)
	must(t, err)

	var group sync.WaitGroup
	for n := range nodes {
		for range callers {
			group.Go(func() { l.call(t, n) })
		}
	}
	group.Go(func() { l.change(t) })
	l.until(calls / 3)
	must(t, l.stores[0].MakeSpans(t.Context(), 30*24*time.Hour)) // tables change under load, on all nodes
	l.until(calls * 2 / 3)
	must(t, cluster.Nodes[nodes-1].Kill())
	l.killed.Store(true)
	group.Wait()

	l.check(t, url)
}

// load is what three processes do.
type load struct {
	cluster  *testkit.Galera
	stores   [nodes]*store.Store
	function faas.Function
	done     atomic.Int64 // calls that were acknowledged
	wins     atomic.Int64
	races    atomic.Int64
	changes  atomic.Int64
	killed   atomic.Bool
	mu       sync.Mutex
	acked    []string
}

func (l *load) until(n int64) {
	for tick := time.NewTicker(5 * time.Millisecond); l.done.Load() < n; <-tick.C {
	}
}

// over reports whether a node's callers have done enough.
func (l *load) over(n int) bool {
	return l.done.Load() >= calls && l.killed.Load() || n == nodes-1 && l.killed.Load()
}

// call records calls through a node: every other starts and ends, every other is queued and claimed
// by two nodes at once.
func (l *load) call(t *testing.T, n int) {
	ctx := context.WithoutCancel(t.Context())
	for i := 0; !l.over(n); i++ {
		x := faas.Execution{ID: faas.NewID(), ProjectID: "p", FunctionID: l.function.ID, Input: "{}", Lease: time.Minute}
		var err error
		switch s := l.stores[n]; i % 2 {
		case 0:
			if err = s.Start(ctx, x); err == nil {
				err = s.Finish(ctx, x.ID, ended)
			}
		default:
			if err = s.Enqueue(ctx, x); err == nil {
				err = l.race(ctx, n, x.ID)
			}
		}
		switch {
		case err == nil:
			l.mu.Lock()
			l.acked = append(l.acked, x.ID)
			l.mu.Unlock()
			l.done.Add(1)
		case n != nodes-1 || !l.killed.Load():
			if faas.KindOf(err) == faas.Unavailable && l.dying(n) {
				return
			}
			t.Errorf("node %d: %v", n, err)
			return
		default:
			return // its node is dead
		}
	}
}

// dying reports whether it is the node that is killed: its callers may hear of that before it is
// noted.
func (l *load) dying(n int) bool { return n == nodes-1 }

var ended = store.Ending{Status: faas.ExecutionSuccess, Result: "{}", Log: "log", ProjectID: "p"}

// race has an execution claimed through two nodes at once, and ended by the one that wins.
func (l *load) race(ctx context.Context, n int, id string) error {
	others := [2]int{n, (n + 1) % (nodes - 1)} // the second is one that lives
	if others[0] == others[1] {
		others[1] = 1 - n
	}
	var won [2]bool
	var errs [2]error
	var group sync.WaitGroup
	for i, other := range others {
		group.Go(func() { _, won[i], errs[i] = l.stores[other].Claim(ctx, id, fmt.Sprint("engine", i), time.Minute) })
	}
	group.Wait()
	l.races.Add(1)
	if won[0] && won[1] {
		return fmt.Errorf("both have claimed %s", id)
	}
	for i := range won {
		if errs[i] != nil {
			return errs[i]
		}
		if won[i] {
			l.wins.Add(1)
			if err := l.stores[others[i]].Finish(ctx, id, ended); err != nil {
				return err
			}
		}
	}
	if !won[0] && !won[1] { // neither saw it yet: a node may be behind
		if _, again, err := l.stores[n].Claim(ctx, id, "engine", time.Minute); err != nil || !again {
			return fmt.Errorf("nobody has claimed %s: %w", id, err)
		}
		return l.stores[n].Finish(ctx, id, ended)
	}
	return nil
}

// change has both nodes that live change the same row.
func (l *load) change(t *testing.T) {
	ctx := context.WithoutCancel(t.Context())
	for !l.over(0) {
		var both sync.WaitGroup
		for n := range 2 {
			both.Go(func() {
				name := fmt.Sprintf("by %d", n)
				change := store.FunctionChange{Name: &name}
				_, err := l.stores[n].UpdateFunction(ctx, faas.OneProject("p"), l.function.ID, change)
				if err != nil {
					t.Errorf("node %d: %v", n, err)
				}
				l.changes.Add(1)
			})
		}
		both.Wait()
	}
}

// check looks for what was acknowledged, on both nodes that live.
func (l *load) check(t *testing.T, url func(int) string) {
	conflicts := 0
	for n := range nodes - 1 {
		must(t, l.stores[n].Close())
		for _, name := range []string{"wsrep_local_cert_failures", "wsrep_local_bf_aborts"} {
			value, err := l.cluster.Nodes[n].Status(t.Context(), name)
			must(t, err)
			found, err := strconv.Atoi(value)
			must(t, err)
			conflicts += found
		}
	}
	for n := range nodes - 1 {
		db, err := l.cluster.Nodes[n].Open(url(n))
		must(t, err)
		_, err = db.ExecContext(t.Context(), "SET GLOBAL wsrep_sync_wait = 1")
		must(t, err)
		lost := 0
		for _, id := range l.acked {
			var status string
			err := db.QueryRowContext(t.Context(), "SELECT status FROM executions WHERE id = ?", id).Scan(&status)
			if err != nil || status != string(faas.ExecutionSuccess) {
				lost++
				t.Errorf("node %d: %s was acknowledged and is %q, %v", n, id, status, err)
			}
		}
		var rows, revision int64
		must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM executions").Scan(&rows))
		must(t, db.QueryRowContext(t.Context(), "SELECT revision FROM functions").Scan(&revision))
		t.Logf("node %d: %d acknowledged, %d lost, %d rows; %d claims raced; %d changes of one row; %d conflicts; "+
			"revision %d", n, len(l.acked), lost, rows, l.races.Load(), l.changes.Load(), conflicts, revision)
		must(t, db.Close())
	}
	if conflicts == 0 {
		t.Error("no two nodes have stood in each other's way: nothing is shown")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
