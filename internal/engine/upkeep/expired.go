package upkeep

import (
	"context"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// settleBatch is how many rows one step settles.
const settleBatch = 500

// SettleExpired ends the running executions whose lease is over: their process is lost.
//
// Just after the database was away nobody could renew a lease, and those who live do so first: a
// step that is begun late waits for the length of a lease.
func (u *Upkeeper) SettleExpired(ctx context.Context, i store.DueItem) (duework.Next, error) {
	if late := -i.In; late > u.cfg.Lease/2 {
		u.log.Info("expired leases are settled somewhat later: nobody could renew theirs for a while", "late", late)
		return duework.Again(u.cfg.Lease), nil
	}
	settled, err := u.cfg.Store.SettleExpired(ctx, settleBatch, u.eventsOfLost)
	for _, x := range settled {
		u.log.Warn("settled an execution whose process was lost",
			"execution_id", x.ID, "function_id", x.FunctionID, "owner", x.Owner)
	}
	if len(settled) == settleBatch {
		return duework.Again(0), err
	}
	return duework.Done(), err
}

// eventsOfLost returns what other services are told of an execution of which nobody knows how long
// it ran.
func (u *Upkeeper) eventsOfLost(f faas.Function, x faas.Execution) []store.Event {
	return u.cfg.Notify.Ended(f, x, 0)
}
