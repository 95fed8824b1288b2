package trigger

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
)

// TestWhatUsersAreTold has a trigger say why an event could be no execution, and nothing of what is
// beneath: that is for the log.
func TestWhatUsersAreTold(t *testing.T) {
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	rows, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := broker.NewInProcess()
	in := NewIntake(Config{Store: rows, Submit: submit.New(submit.Config{Store: rows, Broker: b})})
	g := faas.Trigger{ID: faas.NewID(), ProjectID: "p", Status: faas.TriggerActive}
	g.Calls.FunctionID = faas.NewID()
	told := func() string {
		in.seen.mu.Lock()
		defer in.seen.mu.Unlock()
		return in.seen.pending[g.ID].LastError
	}
	e := event.New()
	e.SetID("1")
	e.SetSource("/here")
	e.SetType("t")
	taken, err := in.Take(t.Context(), g, e)
	const gone = "What the trigger calls is not there any more."
	if err != nil || taken.Outcome != Refused || faas.KindOf(taken.Why) != faas.NotFound || told() != gone {
		t.Errorf("without its function: %+v, %v; the user is told %q", taken, err, told())
	}
	if errors.Unwrap(taken.Why) == nil {
		t.Error("the log is not told why")
	}
	if err := errors.Join(rows.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = in.Take(t.Context(), g, e)
	if err == nil || told() != faas.Said(err) || told() == err.Error() {
		t.Errorf("without a database: %v; the user is told %q", err, told())
	}
	in.Close()
}
