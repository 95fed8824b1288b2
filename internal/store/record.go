package store

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// recorder commits what callers hand in. Its writers, each with a connection of its own, take all
// operations that wait, run them in one transaction and answer them together after the commit: a
// flush of the disk, which costs more than a hundred rows, is shared by all callers at the time.
// While one writer waits for its commit, another takes what has come meanwhile.
//
// Writers run side by side, so that only operations of the same execution keep their order
// (sequence.go). A caller who needs one operation after another waits for the first one's answer.
type recorder struct {
	dialect dialect
	form    recordForm
	log     *slog.Logger
	now     func() time.Time
	timeout time.Duration // of a caller's wait, and of the last attempts once callers are refused
	counts  *callCounts
	usage   *recordUsage

	statistics *statistics
	outage     *outage
	name       string // in metrics
	metrics    *writeMetrics

	slots   chan struct{}   // holds an element for each operation that is accepted and not answered
	small   chan *operation // what any writer may take
	large   chan *operation // what one writer does by itself, so that nothing small waits for it; may be nil
	closing chan struct{}   // closed when callers are refused: no writer waits long for a lost database
	stopped chan struct{}   // closed when the writers are to end

	committing atomic.Int64   // operations that writers of small ones commit now
	committed  chan struct{}  // has room for the news that such a commit has ended
	running    sync.WaitGroup // the writers

	sequence *sequence
}

// operation is one caller's part of a batch. It does one of three things: it inserts row, it runs
// change, or it calls do. With none of them it only waits for what came before it.
type operation struct {
	row    *faas.Execution
	change change
	events []Event // are kept with row, or with change if that has found a row
	// what change keeps apart if it has found a row
	contents []content
	story    []faas.StoryEvent // of the execution; is added after row or change, whatever that found
	do       func(*tx) error   // may run more than once, so it sets what it returns anew
	single   bool              // do is one statement, which undoes itself when it fails
	also     change            // is run after row or change, whatever that found; it is never refused

	execution string      // operations of one execution are committed in the order they came in; "": no order
	starts    bool        // row is the start of an execution, which is held back a moment for its ending
	ending    *Ending     // change writes this ending, which becomes part of a start that still waits
	kept      bool        // it records what has happened, and is written even when its caller has left
	final     bool        // it is accepted though callers are refused
	left      atomic.Bool // its caller has left; unless it is kept, it is not begun any more

	changed int64         // rows that the change found; set before the answer
	err     error         // set before the answer
	answer  chan struct{} // closed after the commit; nil when nobody waits

	// The order's.
	held *time.Timer // set while a start is held back
	next *operation  // of the same execution, ready when this one is answered
}

// change is one UPDATE or DELETE. Its query has question marks only where arguments belong.
type change struct {
	query string
	args  []any // strings and integers
}

const (
	// maxBatch bounds what one transaction does, so that the first of a batch does not wait long
	// for the last.
	maxBatch = 512
	// maxBatchBytes bounds it likewise, and keeps a batch far below what a server takes in one
	// packet.
	maxBatchBytes = 1 << 20
	// largeOperation is the size in bytes from which an operation is written by itself.
	largeOperation = 256 << 10
	// maxWaiting is how many operations may wait before callers are held up.
	maxWaiting = 4096
)

// newRecorder returns a recorder without writers.
func newRecorder(name string, d dialect, o Options, all *recorders, out *outage) *recorder {
	r := &recorder{
		dialect: d, form: all.form, log: o.Log, now: o.Now, timeout: o.WriteTimeout, counts: &all.counts, usage: &all.usage, outage: out,
		statistics: &all.statistics,
		name:       name, metrics: all.metrics,
		slots:   make(chan struct{}, maxWaiting),
		small:   make(chan *operation, maxWaiting),
		closing: make(chan struct{}), stopped: make(chan struct{}), committed: make(chan struct{}, 1),
	}
	r.sequence = newSequence(o.StartDelay, r.ready, r.freeSlot)
	return r
}

// ready lets the writers have an operation. It never blocks, since there are no more than slots.
func (r *recorder) ready(op *operation) {
	if r.large != nil && op.size() >= largeOperation {
		r.large <- op
		return
	}
	r.small <- op
}

func (r *recorder) freeSlot() { <-r.slots }

// size is about how many bytes the operation sends.
func (op *operation) size() int {
	n := 0
	if op.row != nil {
		n = len(op.row.Input) + len(op.row.Result) + len(op.row.Log) + len(op.row.Description)
	}
	for _, e := range op.events {
		n += len(e.Body)
	}
	for _, c := range op.contents {
		n += len(c.text)
	}
	for _, arg := range op.change.args {
		if text, ok := arg.(string); ok {
			n += len(text)
		}
	}
	return n
}

// do runs f in a transaction and waits for the commit. What f did is undone when it returns an
// error. When ctx ends, do returns and f may still run: after an error a caller must not read what
// f writes.
func (r *recorder) do(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f})
}

// doSingle is do for an f of one statement, which needs nothing undone when it fails.
func (r *recorder) doSingle(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f, single: true})
}

// exec runs one statement and waits for the commit. It returns how many rows the statement found.
func (r *recorder) exec(ctx context.Context, query string, args ...any) (int64, error) {
	return r.execBoth(ctx, "", change{query, args}, change{})
}

// execBoth runs a statement on an execution, "" for none, and another after it in the same
// transaction.
func (r *recorder) execBoth(ctx context.Context, execution string, c, also change) (int64, error) {
	op := &operation{execution: execution, change: c, also: also}
	if err := r.await(ctx, op); err != nil {
		return 0, err
	}
	return op.changed, nil
}

// insert records an execution and waits for the commit. also is run in the same transaction.
func (r *recorder) insert(ctx context.Context, e *faas.Execution, also change) error {
	return r.await(ctx, &operation{execution: e.ID, row: e, also: also})
}

// start hands in the start of an execution and does not wait for it.
func (r *recorder) start(ctx context.Context, e *faas.Execution, events []Event) error {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	return r.hand(ctx, &operation{execution: e.ID, row: e, events: events, starts: true, kept: true}, timeout.C)
}

// writeStarts has every start that was handed in before written, and waits for the commits.
func (r *recorder) writeStarts(ctx context.Context) error {
	var waits []*operation
	for _, id := range r.sequence.starting() {
		waits = append(waits, &operation{execution: id})
	}
	return r.awaitAll(ctx, waits)
}

// errAbandoned is the error of an operation that was not begun, because nobody waits for its
// answer.
var errAbandoned = errors.New("the caller has left")

func (op *operation) abandoned() bool { return !op.kept && op.left.Load() }

// errNoAnswer is what callers hear who waited for as long as Options.WriteTimeout.
var errNoAnswer = errors.New("no answer in time; what was to be written may still be written")

// await hands in an operation and waits for its answer. A caller who leaves before returns without
// the operation's results, since a writer may still be setting them.
func (r *recorder) await(ctx context.Context, op *operation) error {
	return r.awaitAll(ctx, []*operation{op})
}

// awaitAll is await for several, which may become one batch. It returns the first error.
func (r *recorder) awaitAll(ctx context.Context, ops []*operation) (err error) {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	begun := time.Now()
	defer func() { r.metrics.wait.WithLabelValues(r.name).Observe(time.Since(begun).Seconds()) }()
	for n, op := range ops {
		op.answer = make(chan struct{})
		if err = r.hand(ctx, op, timeout.C); err != nil {
			ops = ops[:n]
			break
		}
	}
	for _, op := range ops {
		err = cmp.Or(err, r.answerTo(ctx, op, timeout.C))
	}
	return err
}

// answerTo waits for the answer to an operation that was handed in.
func (r *recorder) answerTo(ctx context.Context, op *operation, timeout <-chan time.Time) (err error) {
	select {
	case <-op.answer:
		return unavailable(op.err)
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout:
		err = errNoAnswer
	}
	op.left.Store(true)
	return unavailable(err)
}

// hand accepts an operation, as soon as there is a slot for it.
func (r *recorder) hand(ctx context.Context, op *operation, timeout <-chan time.Time) error {
	if err := ctx.Err(); err != nil { // the select below may choose any: nothing is begun for a caller who has left
		return unavailable(err)
	}
	select {
	case r.slots <- struct{}{}:
	default:
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			return unavailable(ctx.Err())
		case <-timeout:
			return unavailable(errNoAnswer)
		}
	}
	if !r.sequence.accept(op) {
		r.freeSlot()
		return faas.Errorf(faas.Unavailable, "The database is closed.")
	}
	return nil
}

// refuse ends the acceptance of operations and returns when those that were accepted are answered.
// It reports false when it had been called before.
func (r *recorder) refuse() bool {
	idle, first := r.sequence.refuse()
	if first {
		close(r.closing)
	}
	<-idle
	return first
}

// stop ends the writers of a recorder that refuses callers.
func (r *recorder) stop() {
	close(r.stopped)
	r.running.Wait()
}
