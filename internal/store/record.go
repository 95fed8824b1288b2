package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// recorder is the one goroutine that writes. It takes all operations that wait, runs them in one transaction and answers them
// together after the commit: a flush of the disk, which costs more than a hundred rows, is shared by all callers at the time.
type recorder struct {
	db       *sql.DB
	dialect  dialect
	tx       *tx // nil while there is no connection
	fence    fence
	log      *slog.Logger
	held     starts
	patience time.Duration
	giveUpAt time.Time // set when it is to close while the database is away

	mu      sync.RWMutex // held for reading while an operation is handed in, for writing to close
	closed  bool
	in      chan *operation
	closing chan struct{}
	done    chan struct{}
}

// operation is one caller's part of a batch: do, or a write of a start or an ending.
type operation struct {
	do     func(*tx) error // may run more than once, so it sets what it gives anew
	write  *write
	starts bool        // do is to see starts that are held back
	single bool        // do is one statement, which undoes itself when it fails
	left   atomic.Bool // its caller waits no longer: a do that was not run yet is not run any more
	err    error       // set by the recorder before answered
	answer chan struct{}
}

// write is the start or the ending of an execution.
type write struct {
	start  *faas.Execution
	id     string
	ending *Ending
}

// maxBatch bounds what one transaction does, so that the first of a batch does not wait long for the last.
const maxBatch = 512

// maxWaiting is how many operations may wait before callers are held up.
const maxWaiting = 4096

func startRecorder(ctx context.Context, db *sql.DB, d dialect, o Options) (*recorder, error) {
	r := &recorder{
		db: db, dialect: d, fence: newFence(o.Now), log: o.Log, held: newStarts(o.StartDelay), patience: o.WriteTimeout,
		in: make(chan *operation, maxWaiting), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if err := r.connect(ctx); err != nil {
		return nil, unavailable(err)
	}
	go r.run()
	return r, nil
}

// do runs f in a transaction and waits for the commit. What f did is undone when it returns an error.
func (r *recorder) do(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f})
}

// doSingle is do for an f of one statement, which needs nothing undone when it fails.
func (r *recorder) doSingle(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f, single: true})
}

// doWithStarts is do for what must see executions whose start is held back.
func (r *recorder) doWithStarts(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f, starts: true})
}

// wait hands in a write and waits for its commit.
func (r *recorder) wait(ctx context.Context, w *write) error {
	return r.await(ctx, &operation{write: w})
}

// submit hands in a write and does not wait for it.
func (r *recorder) submit(ctx context.Context, w *write) error {
	patience := time.NewTimer(r.patience)
	defer patience.Stop()
	return r.hand(ctx, &operation{write: w}, patience.C)
}

// errPatience is what callers hear who waited for as long as Options.WriteTimeout.
var errPatience = errors.New("no answer in time; what was to be written may be written still")

func (r *recorder) await(ctx context.Context, op *operation) error {
	op.answer = make(chan struct{})
	patience := time.NewTimer(r.patience)
	defer patience.Stop()
	if err := r.hand(ctx, op, patience.C); err != nil {
		return err
	}
	var err error
	select {
	case <-op.answer:
		return unavailable(op.err)
	case <-ctx.Done(): // it may be committed all the same, so what it gives is still being written: callers return without it
		err = ctx.Err()
	case <-patience.C:
		err = errPatience
	}
	op.left.Store(true)
	return unavailable(err)
}

func (r *recorder) hand(ctx context.Context, op *operation, patience <-chan time.Time) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return faas.Errorf(faas.Unavailable, "The database is closed.")
	}
	if err := ctx.Err(); err != nil { // the select below may choose any: nothing is begun for a caller who has left
		return unavailable(err)
	}
	select {
	case r.in <- op:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	case <-patience:
		return unavailable(errPatience)
	}
}

// close commits what was handed in and ends the goroutine; false when it had been closed before.
func (r *recorder) close() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	was := r.closed
	r.closed = true
	if !was {
		close(r.in)
		close(r.closing)
	}
	r.mu.Unlock()
	<-r.done
	return !was
}

func (r *recorder) run() {
	defer close(r.done)
	defer r.leave()
	batch := make([]*operation, 0, maxBatch)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for open := true; open; {
		batch = batch[:0]
		timer.Reset(r.held.due(time.Now()))
		select {
		case op, ok := <-r.in:
			if open = ok; ok {
				batch = r.gather(append(batch, op))
			}
		case <-timer.C:
		}
		r.commit(batch, !open)
	}
}

// gather adds what waits already.
func (r *recorder) gather(batch []*operation) []*operation {
	for len(batch) < maxBatch {
		select {
		case op, ok := <-r.in:
			if !ok {
				return batch
			}
			batch = append(batch, op)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and answers it.
func (r *recorder) commit(batch []*operation, last bool) {
	work := r.held.take(batch, time.Now(), last)
	if len(work) == 0 {
		return
	}
	err := r.persist(work)
	for _, op := range work {
		if err != nil {
			op.err = err
		}
		switch {
		case op.answer != nil:
			close(op.answer)
		case op.err == nil:
		case err != nil && !last && r.held.again(op, time.Now()):
		default:
			r.log.Error("the start of an execution could not be recorded", "execution_id", op.write.start.ID, "error", op.err)
		}
	}
}
