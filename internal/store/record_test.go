package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// limited is a store whose database stops growing where a test says.
type limited struct{ *Store }

func openLimited(t *testing.T) limited {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	if err := Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return limited{s}
}

// mayGrowTo sets the most pages that the database may have; what it has already stays.
func (s limited) mayGrowTo(t *testing.T, pages int) {
	t.Helper()
	err := s.recorder.do(t.Context(), func(t *tx) error {
		return t.queryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&pages)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk has a database that may not grow: what was answered with success is there, what was
// answered with an error is not, and when there is room again it goes on.
func TestFullDisk(t *testing.T) {
	s := openLimited(t)
	s.mayGrowTo(t, 100)
	var stored, failed atomic.Int32
	var group sync.WaitGroup
	for n := range 100 {
		group.Go(func() {
			// Few are large, so that small ones follow a failed one within its batch.
			x := faas.Execution{ID: faas.NewID(), ProjectID: "p", Input: strings.Repeat("x", 1+n%5/4*40_000)}
			switch err := s.Enqueue(t.Context(), x); {
			case err == nil:
				stored.Add(1)
			case faas.KindOf(err) == faas.Unavailable:
				failed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	rows, err := s.Executions(t.Context(), faas.AnyProject(), faas.Query{})
	if err != nil || len(rows.Items) != int(stored.Load()) || failed.Load() == 0 {
		t.Errorf("%d rows, %d stored, %d failed, %v", len(rows.Items), stored.Load(), failed.Load(), err)
	}
	s.mayGrowTo(t, 100_000)
	if err := s.Enqueue(t.Context(), faas.Execution{ID: faas.NewID(), ProjectID: "p"}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestStartOutlivesAFullDisk has a start that the disk had no room for, and then its ending, when
// there is room again.
func TestStartOutlivesAFullDisk(t *testing.T) {
	s := openLimited(t)
	s.mayGrowTo(t, 1)
	x := faas.Execution{ID: faas.NewID(), ProjectID: "p", Input: strings.Repeat("x", 100_000), Lease: time.Hour}
	if err := s.Start(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	_, err := s.SettleExpired(t.Context(), 1, nil) // has the start written, or tried
	if faas.KindOf(err) != faas.Unavailable {
		t.Errorf("on a full disk: %v", err)
	}
	s.mayGrowTo(t, 100_000)
	if err := s.Finish(t.Context(), x.ID, Ending{Status: faas.ExecutionSuccess, Result: "{}"}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
