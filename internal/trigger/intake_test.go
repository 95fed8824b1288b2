package trigger

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/submit"
)

// intake returns one with a database, and a trigger of it whose alias leads nowhere.
func intake(t *testing.T) (*Intake, *store.Store, faas.Trigger) {
	t.Helper()
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	rows, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := broker.NewInProcess()
	in := NewIntake(Config{Store: rows, Submit: submit.New(submit.Config{Executions: rows.ExecutionLifecycle, Broker: b})})
	t.Cleanup(func() {
		in.Close()
		if err := errors.Join(rows.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	})
	rt, err := rows.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Image: "python3", IsPublic: true})
	if err == nil {
		err = rows.SetRuntimeStatus(t.Context(), rt.ID, faas.RuntimeAvailable, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := rows.CreateFunction(t.Context(), faas.Function{
		ProjectID: "p", RuntimeID: rt.ID, Entry: faas.DefaultEntry,
		Code: faas.Code{Source: faas.SourcePackage, SHA256: "0"},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := rows.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: "p", Status: faas.TriggerActive, Source: faas.TriggerWebhook, Settings: "{}",
		Calls: faas.FunctionRef{FunctionID: f.ID},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.Calls = faas.FunctionRef{Alias: "gone"}
	return in, rows, g
}

func happened(id string) event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/here")
	e.SetType("t")
	return e
}

// TestWhatUsersAreTold has a trigger say why an event could be no execution, and nothing of what is
// beneath: that is for the log.
func TestWhatUsersAreTold(t *testing.T) {
	in, rows, g := intake(t)
	taken, err := in.Take(t.Context(), g, happened("1"))
	const gone = "What the trigger calls is not there any more."
	if err != nil || taken.Outcome != Refused || faas.KindOf(taken.Why) != faas.NotFound || !taken.Buried {
		t.Errorf("without its function: %+v, %v", taken, err)
	}
	if errors.Unwrap(taken.Why) == nil {
		t.Error("the log is not told why")
	}
	if seen, err := rows.Trigger(t.Context(), faas.AnyProject(), g.ID); err != nil || seen.Seen.LastError != gone {
		t.Errorf("the user is told %q, %v", seen.Seen.LastError, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = in.Take(ctx, g, happened("2"))
	in.seen.mu.Lock()
	defer in.seen.mu.Unlock()
	told := in.seen.pending[g.ID].LastError
	if err == nil || told != faas.Said(err) || told == err.Error() {
		t.Errorf("without a database: %v; the user is told %q", err, told)
	}
}

// TestRefusedEventsAreBounded has a trigger that can execute nothing write no more than so many
// letters a second. The others are to come again.
func TestRefusedEventsAreBounded(t *testing.T) {
	in, rows, g := intake(t)
	now := time.Now()
	in.cfg.Now = func() time.Time { return now }
	kept := func(n int) (buried, busy int) {
		for range n {
			taken, err := in.Take(t.Context(), g, happened(faas.NewID()))
			switch {
			case err == nil && taken.Buried:
				buried++
			case faas.KindOf(err) == faas.Busy:
				busy++
			default:
				t.Fatalf("%+v, %v", taken, err)
			}
		}
		return buried, busy
	}
	if buried, busy := kept(lettersAtOnce + 5); buried != lettersAtOnce || busy != 5 {
		t.Errorf("at once %d are kept, %d are not", buried, busy)
	}
	now = now.Add(time.Second)
	if buried, busy := kept(lettersASecond + 5); buried != lettersASecond || busy != 5 {
		t.Errorf("a second later %d are kept, %d are not", buried, busy)
	}
	page, err := rows.DeadLetters(t.Context(), faas.AnyProject(), g.ID, faas.Query{})
	if err != nil || len(page.Items) != lettersAtOnce+lettersASecond {
		t.Errorf("there are %d letters, %v", len(page.Items), err)
	}
}
