package fromzaqar

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// How soon a queue is asked again.
const (
	soon     = time.Millisecond // there is more
	minIdle  = 1                // seconds, after it has become empty
	maxIdle  = 10               // seconds, while it is; doubling from the one to the other
	busyTime = time.Second      // after the service was too busy, when it did not say
)

// puller pulls one queue's messages for one trigger.
type puller struct {
	*queue
	taker    trigger.Taker
	trigger  faas.Trigger
	settings Settings
}

// pull has messages taken until there are none, or the time for it is over.
func (k *Keeper) pull(ctx context.Context, q *queue, t faas.Trigger, s Settings, st state) (trigger.Kept, error) {
	p := &puller{q, k.cfg.Taker, t, s}
	if st.Idle > 0 { // it was empty: a look is cheaper than a claim
		there, err := zaqar.Any(ctx, q.client, q.name)
		if err != nil {
			return trigger.Kept{}, trigger.Explained(err, serviceName, "list the queue's messages")
		}
		if !there {
			return idle(st), nil
		}
	}
	for until := time.Now().Add(k.cfg.Slice); time.Now().Before(until); {
		more, err := p.round(ctx)
		if faas.KindOf(err) == faas.Busy {
			return trigger.Kept{State: state{}.String(), Again: pause(err)}, nil
		}
		if err != nil {
			return trigger.Kept{}, err
		}
		if !more {
			return idle(state{}), nil
		}
	}
	return trigger.Kept{State: state{}.String(), Again: soon}, nil
}

// idle returns when an empty queue is asked again.
func idle(st state) trigger.Kept {
	st = state{Idle: min(max(minIdle, 2*st.Idle), maxIdle)}
	return trigger.Kept{State: st.String(), Again: time.Duration(st.Idle) * time.Second}
}

// pause returns when the service says that it may be less busy.
func pause(err error) time.Duration {
	if busy, ok := errors.AsType[*faas.Error](err); ok && busy.RetryAfter > 0 {
		return busy.RetryAfter
	}
	return busyTime
}

// round claims messages, has them taken and deletes them. It reports whether there may be more.
func (p *puller) round(ctx context.Context) (more bool, err error) {
	limit := maxBatch / p.settings.Batch * p.settings.Batch
	claimed, err := zaqar.Claim(ctx, p.client, p.name, zaqar.ClaimOpts{
		TTL: time.Duration(p.settings.ClaimTTL) * time.Second, Grace: grace, Limit: limit,
	})
	if zaqar.IsGone(err) || err == nil && len(claimed) == 0 { // no queue, or nothing in it
		return false, nil
	}
	if err != nil {
		return false, trigger.Explained(err, serviceName, "claim messages of the queue")
	}
	taken, err := p.take(ctx, claimed)
	if deleteErr := p.delete(ctx, claimed[:taken]); err == nil {
		err = deleteErr
	}
	if err != nil {
		p.giveBack(ctx, claimed[0].ClaimID)
		return false, err
	}
	return len(claimed) == limit, nil
}

// grace is how long a message lives on after its claim, so that one which was nearly too old is not
// lost with the process that had claimed it. It is Zaqar's minimum.
const grace = time.Minute

// take has messages taken, in the order in which they are, and returns how many were. What was not
// is because of the error.
func (p *puller) take(ctx context.Context, claimed []zaqar.Message) (taken int, err error) {
	for taken < len(claimed) {
		of := claimed[taken:min(taken+p.settings.Batch, len(claimed))]
		e, err := made(p.trigger, p.settings, of, time.Now())
		if err == nil {
			_, err = p.taker.Take(ctx, p.trigger, e)
		}
		if err != nil {
			return taken, err
		}
		taken += len(of)
	}
	return taken, nil
}

// delete deletes messages that were taken: in this order, so that none is lost.
func (p *puller) delete(ctx context.Context, taken []zaqar.Message) error {
	err := zaqar.DeleteClaimed(ctx, p.client, p.name, taken)
	if zaqar.IsGone(err) {
		return nil
	}
	return trigger.Explained(err, serviceName, "delete messages of the queue")
}

// giveBackTimeout bounds how long a process that is about to end gives messages back.
const giveBackTimeout = 5 * time.Second

// giveBack lets others have what was claimed and not taken, now and not when the claim expires.
// That is a courtesy: its failure changes nothing.
func (p *puller) giveBack(ctx context.Context, claimID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTimeout)
	defer cancel()
	_ = zaqar.ReleaseClaim(ctx, p.client, p.name, claimID)
}
