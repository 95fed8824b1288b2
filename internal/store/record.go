package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// recorder is the one goroutine that writes. It takes all operations that wait, runs them in one transaction and answers them
// together after the commit: a flush of the disk, which costs more than a hundred rows, is shared by all callers at the time.
type recorder struct {
	conn *sql.Conn
	tx   *tx
	log  *slog.Logger
	held starts

	mu     sync.RWMutex // held for reading while an operation is handed in, for writing to close
	closed bool
	in     chan *operation
	done   chan struct{}
}

// operation is one caller's part of a batch: do, or a write of a start or an ending.
type operation struct {
	do     func(*tx) error
	write  *write
	starts bool  // do is to see starts that are held back
	err    error // set by the recorder before answered
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

func startRecorder(ctx context.Context, db *sql.DB, o Options) (*recorder, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	r := &recorder{
		conn: conn, tx: newTx(conn), log: o.Log, held: newStarts(o.StartDelay),
		in: make(chan *operation, maxWaiting), done: make(chan struct{}),
	}
	go r.run()
	return r, nil
}

// do runs f in a transaction and waits for the commit. What f did is undone when it returns an error.
func (r *recorder) do(ctx context.Context, f func(*tx) error) error {
	return r.await(ctx, &operation{do: f})
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
	return r.hand(ctx, &operation{write: w})
}

func (r *recorder) await(ctx context.Context, op *operation) error {
	op.answer = make(chan struct{})
	if err := r.hand(ctx, op); err != nil {
		return err
	}
	select {
	case <-op.answer:
		return unavailable(op.err)
	case <-ctx.Done(): // it may be committed all the same, so what it gives is still being written: callers return without it
		return unavailable(ctx.Err())
	}
}

func (r *recorder) hand(ctx context.Context, op *operation) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return faas.Errorf(faas.Unavailable, "The database is closed.")
	}
	if err := ctx.Err(); err != nil { // the select below may choose either: nothing is begun for a caller who has left
		return unavailable(err)
	}
	select {
	case r.in <- op:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
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
	}
	r.mu.Unlock()
	<-r.done
	return !was
}

func (r *recorder) run() {
	defer close(r.done)
	defer func() { _ = r.conn.Close() }() // its database is closed next, and tells
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
	err := r.transact(work)
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

// transact runs the operations in one transaction. An error is that of the transaction and so of all of them; an operation's own error is
// kept with it and leaves the others alone.
func (r *recorder) transact(work []*operation) error {
	clear(r.tx.calls)
	if _, err := r.tx.exec(beginWriting); err != nil {
		return err
	}
	err := r.runAll(work)
	if err == nil {
		err = r.tx.countCalls()
	}
	if err == nil {
		_, err = r.tx.exec("COMMIT")
	}
	if err != nil {
		_, _ = r.tx.exec("ROLLBACK") // fails when the database has done so itself; were it neither, the next BEGIN would tell
	}
	return err
}

// runAll stops at the first error that is the database's own: the transaction may be gone with it, and what came after would be
// committed by itself.
func (r *recorder) runAll(work []*operation) error {
	for _, op := range work {
		if op.err = r.run1(op); broken(op.err) {
			return op.err
		}
	}
	return nil
}

// run1 runs one operation. A single statement that fails undoes itself; what may be several is undone to a savepoint.
func (r *recorder) run1(op *operation) error {
	switch {
	case op.do == nil && op.write.start != nil:
		return r.tx.insert(op.write.start)
	case op.do == nil:
		return r.tx.finish(op.write.id, *op.write.ending)
	}
	if _, err := r.tx.exec("SAVEPOINT operation"); err != nil {
		return err
	}
	err := op.do(r.tx)
	if err != nil {
		if _, undo := r.tx.exec("ROLLBACK TO operation"); undo != nil {
			return errors.Join(err, undo)
		}
	}
	if _, release := r.tx.exec("RELEASE operation"); release != nil {
		return release
	}
	return err
}
