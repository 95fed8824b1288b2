package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// persist runs the work until it is committed, or until an error comes that repeating would not change. While the database is away it goes
// on for as long as that takes: callers leave by themselves when their patience ends, and what they asked for is then left out, but
// starts and endings are kept, since they tell of what has happened.
func (r *recorder) persist(work []*operation) error {
	r.fence.next()
	var since time.Time // of the first failure
	for attempt := 0; ; attempt++ {
		err := r.attempt(work)
		if err == nil && r.silentFor(since) > toldAfter {
			r.log.Info("the database takes writes again", "after", r.silentFor(since))
		}
		if err == nil || !r.repeats(err) {
			return err
		}
		if attempt == 0 {
			since = time.Now()
		}
		if attempt == tellAt {
			r.log.Warn("the database takes no writes; they wait", "since", since, "error", err)
		}
		if !r.pause(attempt) {
			return err
		}
	}
}

// A deadlock or a connection that was closed for its idleness is over by then and not worth a line.
const (
	tellAt    = 4
	toldAfter = 20 * time.Millisecond
)

func (r *recorder) silentFor(since time.Time) time.Duration {
	if since.IsZero() {
		return 0
	}
	return time.Since(since)
}

// awayError is that there is no connection to be had.
type awayError struct{ cause error }

func (e *awayError) Error() string { return "connect: " + e.cause.Error() }
func (e *awayError) Unwrap() error { return e.cause }

func (r *recorder) repeats(err error) bool {
	var away *awayError
	if r.fence.doubt || errors.As(err, &away) {
		return true
	}
	f := r.dialect.fault(err)
	return f == passing || f == cut
}

// pause waits before the next attempt: briefly at first, for what passes by itself, up to a second. It differs each time, lest two processes
// that stood in each other's way do so again. Once the recorder is to close, it gives up after its patience.
func (r *recorder) pause(attempt int) bool {
	longest := min(time.Second, time.Millisecond<<min(attempt, 10))
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	closing := r.closing
	if !r.giveUpAt.IsZero() {
		closing = nil
	}
	select {
	case <-timer.C:
	case <-closing:
		r.giveUpAt = time.Now().Add(r.patience)
	}
	return r.giveUpAt.IsZero() || time.Now().Before(r.giveUpAt)
}

// attempt runs the work in one transaction, on a new connection if need be.
func (r *recorder) attempt(work []*operation) error {
	if r.tx == nil {
		if err := r.connect(context.Background()); err != nil {
			return &awayError{err}
		}
	}
	if r.fence.doubt {
		committed, err := r.fence.committed(r.tx)
		if err != nil {
			r.undo(err)
			return err
		}
		if committed {
			return nil // and what the operations gave when they ran holds
		}
	}
	return r.transact(work)
}

// connect takes a connection of the recorder's own.
func (r *recorder) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	r.tx = newTx(conn, r.dialect)
	return nil
}

func (r *recorder) disconnect() {
	_ = r.tx.conn.Raw(func(any) error { return driver.ErrBadConn }) // has it thrown away, not kept for the next
	_ = r.tx.conn.Close()
	r.tx = nil
}

// leave ends the recorder's last connection; its database is closed next, and tells what goes wrong.
func (r *recorder) leave() {
	if r.tx == nil {
		return
	}
	if r.tx.grammar.fenced && !r.fence.doubt {
		r.fence.remove(r.tx)
	}
	_ = r.tx.conn.Close()
}

// transact runs the operations in one transaction. An error is that of the transaction and so of all of them; an operation's own error is
// kept with it and leaves the others alone.
func (r *recorder) transact(work []*operation) error {
	clear(r.tx.calls)
	err := r.tx.begin()
	if err == nil {
		err = r.runAll(work)
	}
	if err == nil {
		err = r.tx.countCalls()
	}
	if err == nil {
		err = r.end()
	}
	if err != nil {
		r.undo(err)
	}
	return err
}

// end commits. On a server, an answer that is not a success may be the answer's loss and not the commit's.
func (r *recorder) end() error {
	if !r.tx.grammar.fenced {
		return r.tx.control("COMMIT")
	}
	err := r.tx.control(r.fence.mark(r.fence.batch) + "; COMMIT")
	r.fence.doubt = err != nil
	return err
}

// undo leaves nothing of a transaction behind, were it at the price of the connection.
func (r *recorder) undo(err error) {
	failed := r.tx.control("ROLLBACK")
	switch {
	case r.dialect.fault(err) == cut, failed != nil && r.dialect.fault(failed) == cut:
		r.disconnect()
	case failed != nil && r.tx.grammar.begin == "":
		r.disconnect()
	default: // where BEGIN is said, ROLLBACK fails when the database has done so itself; were it neither, the next BEGIN would tell
	}
}

// runAll stops at the first error that is the database's own: the transaction may be gone with it, and what came after would be
// committed by itself.
func (r *recorder) runAll(work []*operation) error {
	for len(work) > 0 {
		n, err := r.runTogether(work)
		if err != nil {
			return err
		}
		if n > 0 {
			work = work[n:]
			continue
		}
		op := work[0]
		work = work[1:]
		if op.do != nil && op.left.Load() {
			continue // nobody waits for its answer
		}
		if op.err = r.runOne(op); r.dialect.fault(op.err) >= broken {
			return op.err
		}
	}
	return nil
}

// runTogether inserts the executions at the beginning of the work with one statement and gives how many they were: 0 when there are fewer
// than two or when that did not work, so that they are tried one by one and each tells of itself.
func (r *recorder) runTogether(work []*operation) (int, error) {
	var rows []*faas.Execution
	for _, op := range work[:min(len(work), r.tx.grammar.rows)] {
		if op.do != nil || op.write.start == nil {
			break
		}
		rows = append(rows, op.write.start)
	}
	rows = rows[:powerOfTwo(len(rows))]
	if len(rows) < 2 {
		return 0, nil
	}
	err := r.tx.insert(rows...)
	if r.dialect.fault(err) >= broken {
		return 0, err
	}
	if err != nil {
		return 0, nil //nolint:nilerr // each is tried by itself, and tells
	}
	for _, op := range work[:len(rows)] {
		op.err = nil
	}
	return len(rows), nil
}

// powerOfTwo gives the largest that is not above n, so that there are few different statements to keep prepared; 0 for 0.
func powerOfTwo(n int) int {
	if n == 0 {
		return 0
	}
	return 1 << (bits.Len(uint(n)) - 1)
}

// runOne runs one operation. A single statement that fails undoes itself; what may be several is undone to a savepoint.
func (r *recorder) runOne(op *operation) error {
	switch {
	case op.do == nil && op.write.start != nil:
		return r.tx.insert(op.write.start)
	case op.do == nil:
		return r.tx.finish(op.write.id, *op.write.ending)
	case op.single:
		return op.do(r.tx)
	}
	if err := r.tx.control("SAVEPOINT operation"); err != nil {
		return err
	}
	err := op.do(r.tx)
	if r.dialect.fault(err) >= broken {
		return err // the whole transaction is undone
	}
	if err != nil {
		if undo := r.tx.control("ROLLBACK TO operation"); undo != nil {
			return undo
		}
	}
	if release := r.tx.control("RELEASE SAVEPOINT operation"); release != nil {
		return release
	}
	return err
}
