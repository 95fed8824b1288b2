package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// reluctant fails at the first two attempts of an event.
const reluctant = `
def main(event):
    if event['faasattempt'] < 3:
        raise ValueError('attempt %d' % event['faasattempt'])
    return event['faasattempt']
`

func (r *rig) trigger(f faas.Function, retries int) faas.Trigger {
	r.Helper()
	g, err := r.store.CreateTrigger(r.Context(), faas.Trigger{
		ProjectID: project, Calls: faas.FunctionRef{FunctionID: f.ID}, Source: faas.TriggerWebhook, Settings: "{}",
		Status: faas.TriggerActive, Retries: retries,
	}, nil)
	r.must(err)
	return g
}

// happen records the execution of an event, whose message is lost.
func (r *rig) happen(g faas.Trigger) faas.Execution {
	r.Helper()
	e := event.New()
	e.SetID(faas.NewID())
	e.SetSource("/here")
	e.SetType("test")
	input, err := event.Input(event.WithAttempt(e, 1), nil)
	r.must(err)
	x := faas.Execution{
		ID: faas.IDOfEvent(g.ID, e.Source(), e.ID(), 1), ProjectID: project, FunctionID: g.Calls.FunctionID, Input: input,
		TriggerID: g.ID, FollowUp: true,
	}
	r.must(r.store.Enqueue(r.Context(), x))
	return x
}

// of returns the executions of a trigger.
func (r *rig) of(g faas.Trigger) []faas.Execution {
	r.Helper()
	page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{Filters: []faas.Filter{
		{Field: "trigger_id", Op: "eq", Values: []string{g.ID}},
	}})
	r.must(err)
	return page.Items
}

func (r *rig) letters(g faas.Trigger) []faas.DeadLetter {
	r.Helper()
	page, err := r.store.DeadLetters(r.Context(), faas.AnyProject(), g.ID, faas.Query{})
	r.must(err)
	return page.Items
}

func (r *rig) nothingFollows() {
	r.Helper()
	r.await("nothing is left to be done", func() bool {
		kinds, err := r.store.DueKinds(r.Context())
		r.must(err)
		return !slices.Contains(kinds, store.FollowUp)
	})
}

// TestFollowUps has two engines, one of which ends meanwhile, try events again that fail twice, and
// keep those that fail more often than their trigger bears: each attempt is one execution.
func TestFollowUps(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PoolSize = 2 })
	r.run()
	second := r.another("engine-2")
	defer r.start(second)()
	<-second.Ready()
	f := r.function(reluctant)
	patient, impatient := r.trigger(f, 2), r.trigger(f, 1)
	const events = 25
	for range events {
		for _, g := range []faas.Trigger{patient, impatient} {
			r.must(r.broker.Enqueue(t.Context(), faas.ExecutionsQueue(project), []byte(r.happen(g).ID)))
		}
	}
	r.await("the first event is tried again", func() bool { return len(r.of(patient)) > events })
	r.stop()
	r.await("each event was tried as often as it may", func() bool {
		return len(r.of(patient)) == 3*events && len(r.letters(impatient)) == events
	})
	r.nothingFollows()
	well := 0
	for _, x := range append(r.of(patient), r.of(impatient)...) {
		if got := r.ended(x.ID); got.Status == faas.ExecutionSuccess && got.TriggerID == patient.ID {
			well++
		}
	}
	if n := len(r.of(impatient)); well != events || n != 2*events || len(r.letters(patient)) != 0 {
		t.Errorf("%d were well, %d are of the impatient trigger, the other has letters: %v", well, n, r.letters(patient))
	}
	for _, l := range r.letters(impatient) {
		if l.Attempts != 2 || l.Why != "ValueError: attempt 2" {
			t.Errorf("kept is %+v", l)
		}
	}
	seen, err := r.store.Trigger(t.Context(), faas.AnyProject(), impatient.ID)
	if err != nil || seen.Seen.Failed != events {
		t.Errorf("the trigger has seen %+v, %v", seen.Seen, err)
	}
}

// TestFollowUpsOfTheDead are done when the engine that ran the execution has died: before it recorded
// the end, or after that and before it did anything else.
func TestFollowUpsOfTheDead(t *testing.T) {
	r := newRig(t, nil)
	f := r.function(reluctant)
	g := r.trigger(f, 0)
	lost, ended := r.happen(g), r.happen(g)
	for _, x := range []faas.Execution{lost, ended} {
		if _, won, err := r.store.Claim(t.Context(), x.ID, "the dead", 10*time.Millisecond); err != nil || !won {
			t.Fatalf("claimed: %v, %v", won, err)
		}
	}
	r.must(r.store.Finish(t.Context(), ended.ID, store.Ending{
		Status: faas.ExecutionFailed, Result: faas.ResultText(0, faas.TextOutput("no")), Follow: true,
	}))
	r.run()
	r.await("both events are kept", func() bool { return len(r.letters(g)) == 2 })
	why := map[string]string{}
	for _, l := range r.letters(g) {
		why[l.ID] = l.Why
	}
	if why[lost.ID] != store.OutputLost || why[ended.ID] != "no" {
		t.Errorf("kept are %v", why)
	}
	r.nothingFollows()
}

// TestFollowUpsAreAnnounced has what follows executions done before the owner of their shards would
// look by itself.
func TestFollowUpsAreAnnounced(t *testing.T) {
	r := newRig(t, nil)
	r.run()
	r.ownsAll(r.engine)
	g := r.trigger(r.function(reluctant), 2)
	const events = 10
	begun := time.Now()
	for range events {
		x := r.happen(g)
		n := len(r.of(g))
		r.must(r.broker.Enqueue(t.Context(), faas.ExecutionsQueue(project), []byte(x.ID)))
		r.await("the event was tried three times", func() bool {
			all := r.of(g)
			return len(all) == n+2 && all[n+1].Status == faas.ExecutionSuccess
		})
	}
	// Each has two retries; by itself the owner looks every faas.WorkLook.
	if took := time.Since(begun); took > events*faas.WorkLook {
		t.Errorf("it took %v", took)
	}
}
