package upkeep

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// TestSettlingHoldsOffAfterTheDatabaseWasAway has a lease that is over, and a step that begins
// late: those who live are to renew theirs first.
func TestSettlingHoldsOffAfterTheDatabaseWasAway(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := faas.Execution{ID: faas.NewID(), ProjectID: "p"}
	if err := s.Enqueue(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if _, won, err := s.Claim(t.Context(), x.ID, "a dead engine", -time.Second); err != nil || !won {
		t.Fatal(won, err)
	}
	u := New(Config{Store: s, Lease: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	for _, c := range []struct {
		in   time.Duration
		next duework.Next
		want faas.ExecutionStatus
	}{
		{-time.Minute, duework.Again(time.Minute), faas.ExecutionRunning},
		{-time.Second, duework.Done(), faas.ExecutionError},
	} {
		next, err := u.SettleExpired(t.Context(), store.DueItem{In: c.in})
		if err != nil || next != c.next {
			t.Errorf("%s late: %+v, %v; want %+v", -c.in, next, err, c.next)
		}
		if got, err := s.Execution(t.Context(), faas.AnyProject(), x.ID); err != nil || got.Status != c.want {
			t.Errorf("%s late: %+v, %v; want %s", -c.in, got, err, c.want)
		}
	}
}
