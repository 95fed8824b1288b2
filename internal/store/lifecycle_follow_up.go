package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// FollowUp is the kind of due work that belongs to each execution which something follows: its ref is
// the execution. It is there from the execution's queueing until what follows is settled. Whatever
// records the end of the execution has it be due at once, in the same transaction.
const FollowUp = "follow-up"

// FollowUpAfter is when it is due at the latest, whatever has become of the execution.
const FollowUpAfter = 15 * time.Minute

// Delivery is the kind of due work that takes the outcome of an execution to where its function
// wants it. Its ref is the execution.
const Delivery = "delivery"

// Following is what follows an execution.
type Following struct {
	Retry   *faas.Execution  // is queued; nil: none
	Letter  *faas.DeadLetter // is kept; nil: none
	Deliver string           // the execution whose outcome is to be delivered; "" for none
}

// Follow records in one transaction what follows an execution, and that its item, which was in hand
// for that, is done. So each of it is made once, whichever process dies when. It returns how many
// older dead letters of the trigger have gone for the new one. The error has ErrNotInHand in its
// chain when nothing was recorded because the item is another's.
func (s *ExecutionLifecycle) Follow(ctx context.Context, i DueItem, f Following) (int, error) {
	var dropped int // no result: after an error what is written here may still be written
	err := s.recorder.do(ctx, func(t *tx) error {
		dropped = 0
		if err := t.due.done(i); err != nil {
			return err
		}
		if f.Retry != nil {
			if err := t.executions.enqueue(s.shards, f.Retry); err != nil {
				return err
			}
		}
		if f.Letter != nil {
			var err error
			if dropped, err = t.letters.keep(*f.Letter); err != nil {
				return err
			}
		}
		if f.Deliver == "" {
			return nil
		}
		return t.due.add(s.shards, Delivery, f.Deliver, 0)
	})
	if err != nil {
		return 0, err
	}
	if f.Retry != nil {
		s.countQueued(f.Retry)
	}
	return dropped, nil
}

// EnqueueDelivery records in one transaction that an execution is queued and that the item, which
// was in hand for it, is done. The error is as that of Follow.
func (s *ExecutionLifecycle) EnqueueDelivery(ctx context.Context, i DueItem, x faas.Execution) error {
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.due.done(i); err != nil {
			return err
		}
		return t.executions.enqueue(s.shards, &x)
	})
	if err == nil {
		s.countQueued(&x)
	}
	return err
}

// done strikes out an item in the transaction of what was to be done.
func (t dueItems) done(i DueItem) error {
	n, err := t.change(dueDone(i))
	if err == nil && n == 0 {
		return faas.Errorf(faas.Conflict, "The %s of %q is not in hand any more.", i.Kind, i.Ref).WithCause(ErrNotInHand)
	}
	return err
}
