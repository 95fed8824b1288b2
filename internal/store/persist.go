package store

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// attempts are the tries to commit one batch.
type attempts struct {
	batch  []*operation
	packet packet // what was last sent as one packet
	sent   bool   // the last try sent one
	singly bool   // a packet has failed that was not the connection's fault: the operations go one by one
}

// persist runs the batch until it is committed, or until an error comes that repeating would not
// change. While the database is away it goes on for as long as that takes: callers leave by
// themselves when their time is over, and what they asked for is then left out, except for what is
// kept because it has happened.
func (w *writer) persist(batch []*operation) error {
	w.fence.next()
	a := attempts{batch: batch}
	var since time.Time // of the first failure
	for n := 0; ; n++ {
		err := w.attempt(&a)
		if err == nil {
			w.outage.over()
		}
		if err == nil || !w.repeats(err) {
			return err
		}
		if n == 0 {
			since = time.Now()
		}
		if n == reportedAt {
			w.outage.seen(since, err)
		}
		if !w.pause(n) {
			return err
		}
	}
}

// reportedAt is the try after which an outage is worth a line in the log. A deadlock or a
// connection that was closed for its idleness is over by then.
const reportedAt = 4

// outage is what the log says of a database that takes no writes: one line when it begins and one
// when it ends, though all writers of a store see it.
type outage struct {
	log   *slog.Logger
	mu    sync.Mutex
	since time.Time // zero while there is none
}

func (o *outage) seen(since time.Time, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = since
		o.log.Warn("the database accepts no writes; they wait until it does", "since", since, "error", err)
	}
}

func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() {
		o.log.Info("the database takes writes again", "after", time.Since(o.since))
		o.since = time.Time{}
	}
}

// awayError is that there is no connection to be had.
type awayError struct{ cause error }

func (e *awayError) Error() string { return "connect: " + e.cause.Error() }
func (e *awayError) Unwrap() error { return e.cause }

func (w *writer) repeats(err error) bool {
	var away *awayError
	if w.fence.doubt || errors.As(err, &away) {
		return true
	}
	f := w.dialect.fault(err)
	return f == passing || f == cut
}

// pause waits before the next try: briefly at first, for what passes by itself, up to a second. It
// differs each time, lest two processes that stood in each other's way do so again. Once callers
// are refused, it gives up after the recorder's timeout and returns false.
func (w *writer) pause(attempt int) bool {
	longest := min(time.Second, time.Millisecond<<min(attempt, 10))
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	closing := w.closing
	if !w.giveUpAt.IsZero() {
		closing = nil
	}
	select {
	case <-timer.C:
	case <-closing:
		w.giveUpAt = time.Now().Add(w.timeout)
	}
	return w.giveUpAt.IsZero() || time.Now().Before(w.giveUpAt)
}

// attempt runs the batch in one transaction, on a new connection if need be. An error is that of
// the transaction and so of all operations.
func (w *writer) attempt(a *attempts) error {
	if w.tx == nil {
		if err := w.connect(context.Background()); err != nil {
			return &awayError{err}
		}
	}
	if w.fence.doubt {
		committed, err := w.resolve(a)
		if committed || err != nil {
			return err
		}
	}
	var err error
	if a.packet, a.sent = packetOf(a.batch, w.form); a.sent && w.dialect.grammar().fenced && !a.singly {
		err = w.send(a)
	} else {
		a.sent, err = false, w.transact(a.batch)
	}
	if err != nil && w.tx != nil {
		w.undo(err)
	}
	return err
}

// resolve finds out whether the last try was committed after all. If it was, what the operations
// found holds; if not, it cannot be any more, and the batch gets a new number.
func (w *writer) resolve(a *attempts) (committed bool, err error) {
	committed, outcome, err := w.fence.committed(w.tx)
	if err != nil {
		w.undo(err)
		return false, err
	}
	if !committed {
		w.fence.next()
		return false, nil
	}
	if a.sent {
		a.packet.learn(outcome)
	}
	return true, nil
}

// send commits the batch as one packet if it can be one.
func (w *writer) send(a *attempts) error {
	if a.packet.empty() {
		return nil
	}
	err := a.packet.send(w.tx, &w.fence)
	if errors.Is(err, errTooLarge) || errors.Is(err, errNotText) {
		a.sent, a.singly = false, true
		return w.transact(a.batch)
	}
	// Whether it was COMMIT that failed is for the fence to say. Then each statement shows its own
	// error.
	a.singly = err != nil && w.dialect.fault(err) < broken
	return err
}

// transact runs the operations one after the other in one transaction. An operation's own error is
// kept with it and leaves the others alone.
func (w *writer) transact(batch []*operation) error {
	err := w.tx.begin()
	if first := w.fence.first(w.tx); err == nil && first != "" {
		err = w.tx.control(first)
	}
	if err == nil {
		err = w.runAll(batch)
	}
	if err == nil {
		err = w.end()
	}
	return err
}

// end commits. On a server, an answer that is not a success may be the answer's loss and not the
// commit's.
func (w *writer) end() error {
	g := w.tx.grammar
	if !g.fenced {
		return w.tx.control(g.commit)
	}
	err := w.tx.control(w.fence.last(w.tx, noOutcome) + "; " + g.commit)
	w.fence.sent(err)
	return err
}

// undo leaves nothing of a transaction behind, were it at the price of the connection.
func (w *writer) undo(err error) {
	failed := w.tx.control(w.tx.grammar.rollback)
	switch {
	case w.dialect.fault(err) == cut, failed != nil && w.dialect.fault(failed) == cut:
		w.disconnect()
	case failed != nil && w.tx.grammar.fenced:
		w.disconnect()
	default: // an SQLite that has undone the transaction itself refuses ROLLBACK; had it not, the next BEGIN would fail
	}
}

// runAll stops at the first error that is the database's own: the transaction may be gone with it,
// and what came after would be committed by itself.
func (w *writer) runAll(batch []*operation) error {
	for _, op := range batch {
		if op.abandoned() {
			op.err = errAbandoned
			continue
		}
		if op.err = w.runOne(op); w.dialect.fault(op.err) >= broken {
			return op.err
		}
	}
	return nil
}

// runOne runs one operation. A single statement that fails undoes itself; what may be several is
// undone to a savepoint.
func (w *writer) runOne(op *operation) (err error) {
	splits := op.row != nil && w.form.splits(op.row)
	if op.single || op.do == nil && len(op.events)+len(op.contents) == 0 && !splits {
		return op.run(w.tx)
	}
	if err := w.tx.control("SAVEPOINT operation"); err != nil {
		return err
	}
	err = op.run(w.tx)
	if w.dialect.fault(err) >= broken {
		return err // the whole transaction is undone
	}
	if err != nil {
		if undo := w.tx.control("ROLLBACK TO operation"); undo != nil {
			return undo
		}
	}
	if release := w.tx.control("RELEASE SAVEPOINT operation"); release != nil {
		return release
	}
	return err
}

// run runs an operation's statements.
func (op *operation) run(t *tx) (err error) {
	switch {
	case op.row != nil:
		err = t.executions.insert(op.row)
	case op.change.query != "":
		op.changed, err = t.exec(op.change.query, op.change.args...)
	case op.do != nil:
		return op.do(t)
	}
	if err == nil && op.also.query != "" {
		_, err = t.exec(op.also.query, op.also.args...)
	}
	if err == nil {
		err = t.stories.tell(op.execution, op.story...)
	}
	if err != nil || op.row == nil && op.changed == 0 {
		return err
	}
	if len(op.events) > 0 {
		err = t.outbox.add(op.events)
	}
	if err == nil && len(op.contents) > 0 {
		err = t.executions.addContents(op.contents)
	}
	return err
}
