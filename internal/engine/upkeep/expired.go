package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// settleBatch is how many rows one look settles.
	settleBatch = 500
	// slowAnswer is how long a database takes that was away meanwhile.
	slowAnswer = 2 * time.Second
)

// holdOff keeps leases from being settled just after the database was away: nobody could renew
// theirs, and those who live do so first.
type holdOff struct{ until time.Time }

// answered takes in how a request to the database went that was begun at a time.
func (h *holdOff) answered(err error, begun, now time.Time, lease time.Duration) {
	if err != nil || now.Sub(begun) > slowAnswer {
		h.until = now.Add(lease)
	}
}

// SettleExpired ends the running executions whose lease is over: their process is lost.
func (u *Upkeeper) SettleExpired(ctx context.Context) {
	begun := u.cfg.Now()
	if begun.Before(u.hold.until) {
		err := u.cfg.Store.Ping(ctx)
		u.hold.answered(err, begun, u.cfg.Now(), u.cfg.Lease)
		return
	}
	settled, err := u.cfg.Store.SettleExpired(ctx, settleBatch, u.eventsOfLost)
	u.hold.answered(err, begun, u.cfg.Now(), u.cfg.Lease)
	if err != nil {
		u.log.Warn("expired leases could not be settled", "error", err)
	}
	for _, x := range settled {
		u.log.Warn("settled an execution whose process was lost", "execution_id", x.ID, "function_id", x.FunctionID, "owner", x.Owner)
	}
}

// eventsOfLost returns what other services are told of an execution of which nobody knows how long
// it ran.
func (u *Upkeeper) eventsOfLost(f faas.Function, x faas.Execution) []store.Event {
	return u.cfg.Notify.Ended(f, x, 0)
}
