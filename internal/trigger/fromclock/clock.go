// Package fromclock makes events of the time: one whenever a pattern of cron says so.
package fromclock

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/cron"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Settings are those of triggers of the source clock.
type Settings struct {
	Pattern  string `json:"pattern"`   // of cron, as a job's
	TimeZone string `json:"time_zone"` // a name of the IANA database
}

// defaultZone is the clock that patterns are read by unless another is named.
const defaultZone = "UTC"

// ParseSettings reads and completes the settings. An error is a *faas.Error of kind Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	s := Settings{TimeZone: defaultZone}
	if err := trigger.ReadSettings(raw, &s, "pattern", "time_zone"); err != nil {
		return s, err
	}
	if s.Pattern == "" {
		return s, faas.Errorf(faas.Invalid, "settings.pattern is required: a pattern of cron, as in \"*/5 * * * *\".")
	}
	if s.TimeZone == "" {
		s.TimeZone = defaultZone
	}
	if _, err := cron.Zone(s.TimeZone); err != nil {
		return s, faas.Errorf(faas.Invalid, "settings.time_zone must be a name of the IANA database: %s.", err)
	}
	if _, err := cron.Parse(s.Pattern, s.TimeZone); err != nil {
		return s, faas.Errorf(faas.Invalid, "settings.pattern is not valid: %s.", err)
	}
	return s, nil
}

// Clock is the keeper of triggers of the source clock.
type Clock struct {
	Take trigger.Taker
	Now  func() time.Time
}

// state is what is remembered of a trigger: its next time, by which pattern, so that a new one is
// noticed.
type state struct {
	Settings
	Next time.Time `json:"next"`
}

// punctual is how late an event may be for the one that follows it to come, too, although its time
// may have passed as well. After a longer outage all that have passed are one.
const punctual = 30 * time.Second

// Keep implements trigger.Keeper: the times that have come are an event each.
func (c *Clock) Keep(ctx context.Context, t faas.Trigger) (trigger.Kept, error) {
	settings, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return trigger.Kept{}, err
	}
	if t.Status == faas.TriggerPaused { // what would have come meanwhile is not made up for
		return trigger.Kept{State: "{}"}, nil
	}
	schedule, err := cron.Parse(settings.Pattern, settings.TimeZone)
	if err != nil {
		return trigger.Kept{}, err
	}
	var s state
	_ = json.Unmarshal([]byte(t.State), &s) // what cannot be read is as good as none
	if s.Next.IsZero() || s.Settings != settings {
		s = state{settings, schedule.Next(c.Now())}
	}
	for now := c.Now(); !s.Next.IsZero() && !s.Next.After(now); now = c.Now() {
		e, err := event.Tick(t.ID, settings.Pattern, s.Next)
		if err != nil {
			return s.kept(now), err
		}
		if _, err := c.Take.Take(ctx, t, e); err != nil {
			return s.kept(now), err
		}
		if now.Sub(s.Next) <= punctual {
			s.Next = schedule.Next(s.Next)
		} else {
			s.Next = schedule.Next(now)
		}
	}
	if s.Next.IsZero() {
		return s.kept(c.Now()), faas.Errorf(faas.Invalid, "settings.pattern has no further time.")
	}
	return s.kept(c.Now()), nil
}

func (s state) kept(now time.Time) trigger.Kept {
	text, _ := json.Marshal(s) // texts and a time: cannot fail
	return trigger.Kept{State: string(text), Again: max(time.Millisecond, s.Next.Sub(now))}
}

// Release implements trigger.Keeper: a clock has nothing elsewhere.
func (c *Clock) Release(context.Context, faas.Trigger) error { return nil }
