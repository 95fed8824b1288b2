package trigger

import (
	"context"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
)

// maxLetterInput bounds what is kept of an event that can be no execution, in bytes. Of a larger
// one, which only a batch of large messages can be, the letter says which it was.
const maxLetterInput = 4 << 20

// bury keeps an event that was wanted and can be no execution, for the reason that its user is
// told: it is the user who can mend the trigger, and have the event executed then. An error says
// that it is not kept, and is to be brought again.
func (in *Intake) bury(ctx context.Context, t faas.Trigger, e event.Event, why error) (Taken, error) {
	first := faas.IDOfEvent(t.ID, e.Source(), e.ID(), 1)
	switch _, err := in.cfg.Store.Execution(ctx, faas.OneProject(t.ProjectID), first); faas.KindOf(err) {
	case "": // it came before, when the trigger was different
		return Taken{Outcome: Duplicate, ExecutionID: first}, nil
	case faas.NotFound:
	default:
		return Taken{}, err
	}
	// Executions are bounded by quotas. What is none costs a transaction as well, as often as somebody
	// sends it or a service says it.
	if wait := in.letters.ask(t.ID, in.cfg.Now()); wait > 0 {
		busy := faas.Errorf(faas.Busy, "The trigger has more events than are kept in a second, which it can execute nothing "+
			"for: %s", faas.Said(why))
		busy.RetryAfter = wait
		return Taken{}, busy
	}
	letter := faas.DeadLetter{
		ID: faas.IDOfEvent(t.ID, e.Source(), e.ID(), 0), TriggerID: t.ID, ProjectID: t.ProjectID, EventID: e.ID(),
		EventSource: e.Source(), EventType: e.Type(), Why: faas.Said(why), CreatedAt: in.cfg.Now(),
	}
	if input, err := event.Input(event.WithAttempt(e, 1), nil); err == nil && len(input) <= maxLetterInput {
		letter.Input = input
	}
	dropped, err := in.cfg.Store.KeepLetter(ctx, letter)
	if err != nil {
		return Taken{}, err
	}
	in.dropped.Add(float64(dropped))
	in.cfg.Log.Info("an event is a dead letter: it can be no execution", "trigger_id", t.ID, "event_id", e.ID(),
		"error", why, "dropped", dropped)
	return Taken{Outcome: Refused, Why: why, Buried: true}, nil
}
