package fromclock

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// rig is a clock that goes on when the test says so, and what takes its events.
type rig struct {
	*testing.T
	at    time.Time
	busy  int // events that are not taken at first
	times []string
	t     faas.Trigger
	clock *Clock
}

func newRig(t *testing.T, settings, at string) *rig {
	t.Helper()
	r := &rig{T: t, t: faas.Trigger{ID: "t", Source: faas.TriggerClock, Settings: settings, Status: faas.TriggerPending}}
	r.clock = &Clock{Take: r, Now: func() time.Time { return r.at }}
	r.set(at)
	return r
}

func (r *rig) set(at string) {
	r.Helper()
	var err error
	if r.at, err = time.Parse(time.RFC3339, at); err != nil {
		r.Fatal(err)
	}
}

// Take implements trigger.Taker.
func (r *rig) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	if r.busy > 0 {
		r.busy--
		return trigger.Taken{}, faas.Errorf(faas.Busy, "later")
	}
	r.times = append(r.times, e.Time().UTC().Format("02T15:04:05"))
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

// keep has the trigger kept, and remembers what its keeper wants remembered.
func (r *rig) keep() (time.Duration, error) {
	r.Helper()
	kept, err := r.clock.Keep(r.Context(), r.t)
	if kept.State != "" {
		r.t.State = kept.State
	}
	return kept.Again, err
}

func (r *rig) came(want ...string) {
	r.Helper()
	if !slices.Equal(r.times, want) {
		r.Errorf("events came for %v, want %v", r.times, want)
	}
	r.times = nil
}

// TestTimesComeOnce has each time be one event, also of those that passed within a moment, and all
// that passed in an outage be one together.
func TestTimesComeOnce(t *testing.T) {
	r := newRig(t, `{"pattern": "*/10 * * * *", "time_zone": "UTC"}`, "2030-01-01T00:01:00Z")
	if again, err := r.keep(); again != 9*time.Minute || err != nil {
		t.Errorf("again after %v, %v", again, err)
	}
	r.came()
	r.set("2030-01-01T00:10:00Z")
	r.busy = 1
	if _, err := r.keep(); faas.KindOf(err) != faas.Busy {
		t.Errorf("not taken: %v", err)
	}
	if again, err := r.keep(); again != 10*time.Minute || err != nil {
		t.Errorf("again after %v, %v", again, err)
	}
	r.came("01T00:10:00")
	if _, err := r.keep(); err != nil {
		t.Error(err)
	}
	r.came()
	r.set("2030-01-01T03:05:00Z")
	if again, err := r.keep(); again != 5*time.Minute || err != nil {
		t.Errorf("again after %v, %v", again, err)
	}
	r.came("01T00:20:00")
	r.t.Settings = `{"pattern": "* * * * * */10", "time_zone": "UTC"}`
	if again, err := r.keep(); again != 10*time.Second || err != nil {
		t.Errorf("by another pattern again after %v, %v", again, err)
	}
	r.set("2030-01-01T03:05:21Z")
	if again, err := r.keep(); again != 9*time.Second || err != nil {
		t.Errorf("again after %v, %v", again, err)
	}
	r.came("01T03:05:10", "01T03:05:20")
}

// TestPausedClock makes up for nothing that it has missed while it was paused.
func TestPausedClock(t *testing.T) {
	r := newRig(t, `{"pattern": "@hourly", "time_zone": "Europe/Berlin"}`, "2030-01-01T00:30:00Z")
	if _, err := r.keep(); err != nil {
		t.Fatal(err)
	}
	r.t.Status = faas.TriggerPaused
	r.set("2030-01-01T01:30:00Z")
	if again, err := r.keep(); again != 0 || err != nil {
		t.Errorf("a paused one is kept again after %v, %v", again, err)
	}
	r.t.Status = faas.TriggerActive
	if again, err := r.keep(); again != 30*time.Minute || err != nil {
		t.Errorf("again after %v, %v", again, err)
	}
	r.came()
}

func TestSettings(t *testing.T) {
	for raw, want := range map[string]string{
		`{"pattern": "@daily"}`:                                  "",
		`{"pattern": "0 3 * * *", "time_zone": "Europe/Berlin"}`: "",
		``:   "settings.pattern is required",
		`{}`: "settings.pattern is required",
		`[]`: "must be a JSON object",
		`{"pattern": "@daily", "time_zone": "Mars/Base"}`: "settings.time_zone",
		`{"pattern": "61 * * * *"}`:                       "settings.pattern is not valid",
		`{"pattern": 1}`:                                  "settings.pattern must be a JSON string; it is a number",
		`{"patern": ""}`:                                  `no member "patern"`,
		`{"pattern": "` + strings.Repeat("x", trigger.MaxSettings) + `"}`: "at most 8192 bytes",
	} {
		_, err := ParseSettings(json.RawMessage(raw))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", raw, err, want)
		}
	}
}
