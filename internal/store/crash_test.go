package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// ledger is what callers were told.
type ledger struct {
	mu       sync.Mutex
	function string
	accepted map[string]bool   // enqueued
	claimed  map[string]string // by id, by whom
	ended    map[string]bool
	twice    []string
	done     chan struct{} // closed when enough have ended
	enough   int
}

func (l *ledger) enqueued(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[id] = true
}

func (l *ledger) won(id, owner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.claimed[id]; other != "" {
		l.twice = append(l.twice, fmt.Sprintf("%s by %s and %s", id, other, owner))
	}
	l.claimed[id] = owner
}

func (l *ledger) finished(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[id] = true
	if len(l.ended) == l.enough {
		close(l.done)
	}
}

// caller enqueues executions; two claim each, and the one that wins ends it. It gives up on what it
// was told failed.
func (l *ledger) caller(ctx context.Context, t *testing.T, mine, other *store.Store, name string) {
	for ctx.Err() == nil {
		x := execution()
		x.FunctionID = l.function
		if err := mine.Enqueue(ctx, x); err != nil {
			unavailableOnly(t, err)
			continue
		}
		l.enqueued(x.ID)
		var rivals sync.WaitGroup
		for owner, s := range map[string]*store.Store{name + " here": mine, name + " there": other} {
			rivals.Go(func() {
				_, won, err := s.Claim(ctx, x.ID, owner, time.Hour)
				unavailableOnly(t, err)
				if !won {
					return
				}
				l.won(x.ID, owner)
				if err := s.Finish(ctx, x.ID, ended); err != nil {
					unavailableOnly(t, err)
					return
				}
				l.finished(x.ID)
			})
		}
		rivals.Wait()
	}
}

func unavailableOnly(t *testing.T, err error) {
	if err != nil && faas.KindOf(err) != faas.Unavailable {
		t.Error(err)
	}
}

func (l *ledger) until(t *testing.T, ended int) {
	t.Helper()
	l.mu.Lock()
	l.done, l.enough = make(chan struct{}), len(l.ended)+ended
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(hangTimeout):
		t.Fatal("nothing ends any more")
	}
}

// TestServerKilledUnderLoad kills the server again and again while two processes' worth of stores
// enqueue, claim and end executions. What was acknowledged is there, no claim was won twice, and
// the counts of the function agree with the rows.
func TestServerKilledUnderLoad(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	one, two := open(t, url, nil), open(t, url, nil)
	l := &ledger{
		function: newFunction(t, one).ID,
		accepted: map[string]bool{},
		claimed:  map[string]string{},
		ended:    map[string]bool{},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var callers sync.WaitGroup
	for n := range 8 {
		stores := [2]*store.Store{one, two}
		callers.Go(func() { l.caller(ctx, t, stores[n%2], stores[1-n%2], fmt.Sprint("caller ", n)) })
	}
	for range 4 {
		l.until(t, 100)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	l.until(t, 100)
	cancel()
	callers.Wait()
	rows := l.audit(t, one)
	fatal(t, one.Close())
	fatal(t, two.Close())
	counted(t, url, l.function, rows)
}

// audit compares the rows with what callers were told, and returns how many rows there are.
func (l *ledger) audit(t *testing.T, s *store.Store) int {
	rows, err := s.Executions(t.Context(), faas.AnyProject(), faas.Query{})
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]faas.Execution{}
	for _, x := range rows.Items {
		at[x.ID] = x
		if x.Attempts > 1 {
			t.Errorf("%s was claimed %d times", x.ID, x.Attempts)
		}
	}
	for id := range l.accepted {
		if _, ok := at[id]; !ok {
			t.Errorf("%s was accepted and is gone", id)
		}
	}
	for id, owner := range l.claimed {
		if at[id].Owner != owner {
			t.Errorf("%s was claimed by %s and belongs to %q", id, owner, at[id].Owner)
		}
	}
	for id := range l.ended {
		if at[id].Status != faas.ExecutionSuccess {
			t.Errorf("%s ended and is %q", id, at[id].Status)
		}
	}
	if len(l.twice) > 0 {
		t.Errorf("claimed twice: %v", l.twice)
	}
	t.Logf(
		"%d rows; %d accepted, %d claimed, %d ended; none lost, none twice", len(rows.Items), len(l.accepted),
		len(l.claimed), len(l.ended),
	)
	return len(rows.Items)
}
