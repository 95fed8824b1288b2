package fromaodh_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/trigger/fromaodh"
	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/aodh"
)

const hangTimeout = 5 * time.Minute

// rig is a trigger whose URL is a bare subscriber's, and its alarm as the user demo sees it.
type rig struct {
	*triggertest.Real
	*testing.T
	keeper     *fromaodh.Keeper
	trigger    faas.Trigger
	subscriber *triggertest.Subscriber
	demo       *gophercloud.ServiceClient
}

func newRig(t *testing.T, settings string, trust int) *rig {
	real := triggertest.NewReal(t, aodh.ServiceType)
	r := &rig{Real: real, T: t, subscriber: real.Subscriber(t)}
	r.demo = aodh.NewAlarmingV2At(
		&gophercloud.ProviderClient{TokenID: real.Demo.Token}, real.Demo.Endpoints[aodh.ServiceType],
	)
	r.trigger = real.Trigger(t, faas.TriggerAodh, settings, trust)
	r.keeper = fromaodh.New(fromaodh.Config{
		Cloud: real.Trusts, Service: real.Trusts.Service,
		URL: func(t faas.Trigger) string {
			return fmt.Sprintf("%s/v1/triggers/%s/events?secret=%d", r.subscriber.URL, t.ID, t.Generation)
		},
	})
	t.Cleanup(func() {
		for _, alarm := range r.alarms() { // where the test failed in between
			_ = aodh.Delete(context.Background(), r.demo, alarm.ID)
		}
	})
	return r
}

func (r *rig) keep() {
	r.Helper()
	kept, err := r.keeper.Keep(r.Context(), r.trigger)
	if err != nil {
		r.Fatal(err)
	}
	if kept.Again <= 0 {
		r.Errorf("it is kept again after %s", kept.Again)
	}
	if kept.State != "" {
		r.trigger.State = kept.State
	}
}

func (r *rig) alarms() []aodh.Alarm {
	r.Helper()
	where := map[string]string{"name": "faas-trigger-" + r.trigger.ID}
	all, err := aodh.List(context.Background(), r.demo, where).Extract()
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// alarm returns the only one that there is to be.
func (r *rig) alarm() aodh.Alarm {
	r.Helper()
	all := r.alarms()
	if len(all) != 1 {
		r.Fatalf("the trigger has %d alarms: %+v", len(all), all)
	}
	return all[0]
}

func (r *rig) next() triggertest.Delivery {
	r.Helper()
	select {
	case d := <-r.subscriber.Deliveries:
		return d
	case <-time.After(hangTimeout):
		r.Fatal("Aodh sends nothing")
		panic("unreachable")
	}
}

// publish has Aodh hear of what the alarm serverGone is for.
func (r *rig) publish(p *triggertest.Publisher) (id string, err error) {
	traits := map[string]string{"state": "deleted"}
	return p.Publish(r.Context(), r.Demo.ProjectID, "compute.instance.delete.end", traits)
}

const serverGone = `{"alarm": {"type": "event", "rule": {"event_type": "compute.instance.delete.end",
	"query": [{"field": "traits.state", "value": "deleted"}]}}}`

// TestRealAlarmFires at a notification on the message bus, each time, and Aodh's requests are
// events of the trigger, with the ids of what was published. It prints how long the way to a bare
// subscriber takes.
func TestRealAlarmFires(t *testing.T) {
	r := newRig(t, serverGone, triggertest.Plain)
	r.keep()
	p := r.Publisher(t)
	var took []time.Duration
	for range 21 {
		begun := time.Now()
		id, err := r.publish(p)
		if err != nil {
			t.Fatal(err)
		}
		d := r.next()
		took = append(took, d.At.Sub(begun))
		if want := "/v1/triggers/" + r.trigger.ID + "/events?secret=1"; d.Path != want {
			t.Errorf("sent to %s, want %s", d.Path, want)
		}
		got, err := fromaodh.Receive(r.trigger, d.Body, d.At)
		if err != nil || len(got) != 1 || got[0].Validate() != nil || !strings.HasSuffix(got[0].ID(), "/"+id) {
			t.Errorf("event %s: got %v, %v", id, got, err)
		}
	}
	slices.Sort(took)
	t.Logf("from publishing to a bare subscriber: p50 %s, best %s, worst %s",
		took[len(took)/2], took[0], took[len(took)-1])
}

// TestRealAlarmIsKept as the trigger says: once, through whatever its user or the keeper's death
// does to it, and it is gone with the trigger.
func TestRealAlarmIsKept(t *testing.T) {
	r := newRig(t, serverGone, triggertest.Plain)
	ctx := t.Context()
	r.keep()
	made, state := r.alarm(), r.trigger.State
	if !made.Enabled || !made.Repeat || len(made.Actions) != 1 || made.ProjectID != r.Demo.ProjectID ||
		made.UserID != r.Demo.UserID {
		t.Errorf("made %+v", made)
	}
	r.keep()
	if now := r.alarm(); now.ID != made.ID || r.trigger.State != state || !now.Changed.Equal(made.Changed.Time) {
		t.Errorf("nothing had changed, and it is %+v, was %+v; state %s, was %s", now, made, r.trigger.State, state)
	}
	r.trigger.State = "" // the process died before it was remembered
	r.keep()
	if now := r.alarm(); now.ID != made.ID || r.trigger.State != state {
		t.Errorf("made again: %+v", now)
	}

	same := aodh.CreateOpts{
		Name: made.Name, Description: made.Description, Type: made.Type, Rule: made.Rule, Repeat: made.Repeat,
		Severity: made.Severity, Actions: made.Actions, State: aodh.StateAlarm,
	}
	for what, change := range map[string]func(o *aodh.CreateOpts){
		"name":        func(o *aodh.CreateOpts) { o.Name = "mine" },
		"description": func(o *aodh.CreateOpts) { o.Description = "mine" },
		"rule":        func(o *aodh.CreateOpts) { o.Rule = aodh.EventRule{EventType: "*"} },
		"type": func(o *aodh.CreateOpts) {
			o.Type, o.Rule = aodh.TypeComposite, map[string]any{"or": []any{gnocchi(), gnocchi()}}
		},
		"disabled": func(o *aodh.CreateOpts) { o.Disabled = true },
		"repeat":   func(o *aodh.CreateOpts) { o.Repeat = false },
		"severity": func(o *aodh.CreateOpts) { o.Severity = "critical" },
		"actions":  func(o *aodh.CreateOpts) { o.Actions = []string{"http://198.51.100.254:9/mine"} },
		"more":     func(o *aodh.CreateOpts) { o.Actions = append(slices.Clone(o.Actions), "http://198.51.100.254:9/mine") },
		"ok":       func(o *aodh.CreateOpts) { o.OKActions = o.Actions },
		"nodata":   func(o *aodh.CreateOpts) { o.InsufficientActions = o.Actions },
	} {
		opts := same
		change(&opts)
		if err := aodh.Update(ctx, r.demo, made.ID, opts).Err; err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		r.keep()
		now := r.alarm()
		if now.State != aodh.StateAlarm {
			t.Errorf("%s was put right, and the state became %q", what, now.State)
		}
		now.State, now.StateReason = made.State, made.StateReason
		now.StateChanged, now.Changed = made.StateChanged, made.Changed
		if got, want := fmt.Sprintf("%+v", now), fmt.Sprintf("%+v", made); got != want || r.trigger.State != state {
			t.Errorf("%s was changed by hand, and it is\n%s\nwas\n%s", what, got, want)
		}
	}

	if err := aodh.Create(ctx, r.demo, same).Err; err != nil { // another of the name
		t.Fatal(err)
	}
	r.trigger.State = ""
	r.keep()
	one := r.alarm()
	if err := aodh.Delete(ctx, r.demo, one.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	r.keep()
	if again := r.alarm(); again.ID == one.ID {
		t.Errorf("it was deleted by hand, and is %+v", again)
	}
	r.trigger.Status = faas.TriggerPaused
	r.keep()
	if r.alarm().Enabled {
		t.Error("the trigger is paused, and the alarm is not")
	}
	r.trigger.Status, r.trigger.Generation = faas.TriggerActive, 2
	r.keep()
	if now := r.alarm(); !now.Enabled || !strings.HasSuffix(now.Actions[0], "secret=2") {
		t.Errorf("the trigger has another URL, and the alarm is %+v", now)
	}
	for range 2 { // the second time there is nothing
		if err := r.keeper.Release(ctx, r.trigger); err != nil {
			t.Fatal(err)
		}
		if left := r.alarms(); len(left) != 0 {
			t.Errorf("the trigger is deleted, and leaves %+v", left)
		}
	}
}

func gnocchi() map[string]any {
	return map[string]any{
		"type": "gnocchi_resources_threshold", "metric": "cpu", "resource_type": "instance", "resource_id": "x",
		"threshold": 5, "aggregation_method": "mean", "granularity": 60,
	}
}

// TestRealAlarmWithToken sends a token of the trigger's user, by a trust of Aodh's own that is gone
// with the trigger's.
func TestRealAlarmWithToken(t *testing.T) {
	r := newRig(t, `{"action": "trust+http", "on": ["alarm", "ok"],`+serverGone[1:], triggertest.ForAodh)
	r.keep()
	state := r.trigger.State
	r.keep()
	now := r.alarm()
	if r.trigger.State != state || !strings.HasPrefix(now.Actions[0], "trust+http://") || len(now.OKActions) != 1 {
		t.Errorf("kept %+v", now)
	}
	if err := aodh.Delete(t.Context(), r.demo, r.alarm().ID).ExtractErr(); err != nil { // Keystone keeps deleted trusts
		t.Fatal(err)
	}
	r.keep()
	p := r.Publisher(t)
	if _, err := r.publish(p); err != nil {
		t.Fatal(err)
	}
	d := r.next()
	if _, err := fromaodh.Receive(r.trigger, d.Body, d.At); err != nil {
		t.Error(err)
	}
	token, err := r.Trusts.Keystone.Validate(t.Context(), d.Header.Get("X-Auth-Token"))
	if err != nil || token.UserID != r.Demo.UserID || token.ProjectID != r.Demo.ProjectID {
		t.Errorf("sent the token of %+v, %v", token, err)
	}
	r.EndTrust(t, r.trigger.TrustID)
	if err := r.keeper.Release(t.Context(), r.trigger); err != nil {
		t.Fatal(err)
	}
	if left := r.alarms(); len(left) != 0 {
		t.Errorf("the trigger is deleted, and leaves %+v", left)
	}
}

// TestRealAlarmOutlivesItsTrust no longer than the trigger: the service deletes it by its own
// rights.
func TestRealAlarmOutlivesItsTrust(t *testing.T) {
	for _, action := range []string{"http", "trust+http"} {
		t.Run(action, func(t *testing.T) {
			r := newRig(t, `{"action": "`+action+`", `+serverGone[1:], triggertest.ForAodh)
			r.keep()
			if err := (session.Keystone{Client: r.Trusts.Keystone}).DeleteTrust(t.Context(), r.trigger.TrustID); err != nil {
				t.Fatal(err)
			}
			r.Trusts.Sessions = session.New(session.Config{Source: session.Keystone{Client: r.Trusts.Keystone}})
			t.Cleanup(r.Trusts.Sessions.Close)
			keeper := fromaodh.New(fromaodh.Config{Cloud: r.Trusts, Service: r.Trusts.Service})
			if _, err := keeper.Keep(t.Context(), r.trigger); faas.KindOf(err) != faas.Forbidden {
				t.Errorf("kept without its trust: %v", err)
			}
			if err := keeper.Release(t.Context(), r.trigger); err != nil {
				t.Fatal(err)
			}
			if left := r.alarms(); len(left) != 0 {
				t.Errorf("the trigger is deleted, and leaves %+v", left)
			}
		})
	}
}

// TestRealAlarmThatAodhRefuses shows the trigger's user what Aodh says.
func TestRealAlarmThatAodhRefuses(t *testing.T) {
	r := newRig(t, `{"alarm": {"type": "composite", "rule": {"neither": []}}}`, triggertest.Plain)
	_, err := r.keeper.Keep(t.Context(), r.trigger)
	if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "should be combined") {
		t.Errorf("got %v", err)
	}
	if left := r.alarms(); len(left) != 0 {
		t.Errorf("it is there: %+v", left)
	}
}

// TestRealAodhAway is told from what is wrong with a trigger.
func TestRealAodhAway(t *testing.T) {
	r := newRig(t, serverGone, triggertest.Plain)
	r.Trusts.HTTP = &http.Client{Transport: nobody{}}
	keeper := fromaodh.New(fromaodh.Config{Cloud: r.Trusts, URL: func(faas.Trigger) string { return "http://x" }})
	if _, err := keeper.Keep(t.Context(), r.trigger); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
	if err := keeper.Release(t.Context(), r.trigger); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

// nobody answers.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrServerClosed }
