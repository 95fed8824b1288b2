package duework

import (
	"cmp"
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Kind is one kind of work.
type Kind struct {
	Name string // as in the rows
	// Run does one item, until ctx ends.
	Run func(ctx context.Context, i store.DueItem) (Next, error)

	Timeout  time.Duration // of one run: a minute when 0. An item whose run was lost comes again a little later than this
	Parallel int           // runs at a time in this process: 1 when 0
	// Attempts is after how many errors in a row an item is dead; 0: it never is. While what it
	// needs is away, as an error of kind faas.Unavailable says, it does not die.
	Attempts int
	// FirstRetry and LastRetry bound the pause after an error, which doubles each time: 5 s and an
	// hour when 0.
	FirstRetry, LastRetry time.Duration
	// Every has one item of this kind, without a ref, done again and again with this pause. Such an
	// item never dies: Attempts is 0.
	Every time.Duration
	// Handover has a new owner of a shard do at once what the owner before has in hand still, who may
	// have died. Either Run records what it did in one transaction with the end of the item, so that
	// of two who do it one fails, or to do it twice does no harm. Items of other kinds come when
	// their time in hand is over.
	Handover bool
	// Withdrawn says that what Run sets off may take the item out before its end is recorded, as a
	// claim does with the message of its execution: that it is gone then is a good end.
	Withdrawn bool
}

// Next is what becomes of an item that went well.
type Next struct {
	again    bool
	after    time.Duration
	recorded bool
}

// Done strikes an item out. One that recurs comes again after its Every.
func Done() Next { return Next{} }

// Again has an item done again after a time.
func Again(after time.Duration) Next { return Next{again: true, after: after} }

// Recorded is for an item whose outcome Run has recorded itself, with what it did.
func Recorded() Next { return Next{recorded: true} }

const (
	defaultTimeout    = time.Minute
	defaultFirstRetry = 5 * time.Second
	defaultLastRetry  = time.Hour
	// holdMargin is how much longer than its run may take an item is in hand: the time to record
	// how it went.
	holdMargin = 15 * time.Second
)

func (k Kind) complete() Kind {
	k.Timeout = cmp.Or(k.Timeout, defaultTimeout)
	k.Parallel = cmp.Or(k.Parallel, 1)
	k.FirstRetry = cmp.Or(k.FirstRetry, defaultFirstRetry)
	k.LastRetry = cmp.Or(k.LastRetry, defaultLastRetry)
	return k
}

// hold returns how long an item is in hand at most.
func (k Kind) hold() time.Duration { return k.Timeout + holdMargin }

// retryAfter returns the pause after so many errors in a row.
func (k Kind) retryAfter(attempts int) time.Duration {
	pause := k.FirstRetry
	for range attempts - 1 {
		if pause *= 2; pause >= k.LastRetry {
			return k.LastRetry
		}
	}
	return min(pause, k.LastRetry)
}

// dies reports whether an item is dead that has failed so often, with err at last.
func (k Kind) dies(attempts int, err error) bool {
	return k.Every == 0 && k.Attempts > 0 && attempts >= k.Attempts && faas.KindOf(err) != faas.Unavailable
}

// recurring returns what becomes of an item of a kind that recurs.
func (k Kind) recurring(n Next) Next {
	if k.Every > 0 && !n.again && !n.recorded {
		return Again(k.Every)
	}
	return n
}
