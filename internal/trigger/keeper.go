package trigger

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Keeper keeps what triggers of a source need elsewhere, an alarm or a subscription, or fetches
// their events from where nobody sends them. The owner of a trigger's shard calls it, for one
// trigger at a time, and calls it again for the same after its process died: both methods bear to
// be repeated.
type Keeper interface {
	// Keep has what the trigger needs be there and be as the trigger says, and fetches events where
	// the source is asked for them. A *faas.Error of kind Unavailable says that the source is away:
	// the trigger is kept again soon. Any other *faas.Error is shown to the trigger's user. Kept is
	// what it says with an error, too.
	Keep(ctx context.Context, t faas.Trigger) (Kept, error)
	// Release deletes what the trigger has elsewhere. It is no error when that is gone, or when the
	// project is.
	Release(ctx context.Context, t faas.Trigger) error
}

// Kept is what became of a trigger that was kept.
type Kept struct {
	State string        // to be in Trigger.State from now on
	Again time.Duration // after which Keep is to be called again; 0: at the trigger's next change only
	Note  string        // what the trigger's user should know although there is no error; "" for nothing
}

// Wakeable is a Keeper that is told when something was heard of a trigger's source.
type Wakeable interface {
	Keeper
	// Wake has the next Keep of a trigger, which follows, spare itself nothing.
	Wake(triggerID string)
}
