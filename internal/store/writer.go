package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"runtime"
	"time"
)

// writer is a goroutine that writes batches of a recorder's operations, one after the other, over a
// connection of its own.
type writer struct {
	*recorder
	db       *sql.DB
	from     chan *operation
	tx       *tx // nil while there is no connection
	fence    fence
	giveUpAt time.Time // set when the database is away and callers are refused
	batch    []*operation
}

// newWriter returns a writer of what comes through the channel, one of the recorder's. It connects
// when it is first needed.
func (r *recorder) newWriter(db *sql.DB, from chan *operation) *writer {
	return &writer{recorder: r, db: db, from: from, fence: newFence(r.now), batch: make([]*operation, 0, maxBatch)}
}

// begin starts the writer's goroutine.
func (w *writer) begin() {
	w.running.Go(func() {
		defer w.leave()
		for {
			select {
			case op := <-w.from:
				w.commit(w.gather(op))
			case <-w.stopped:
				return
			}
		}
	})
}

// gather returns the operation and what waits behind it, as much as a batch takes.
func (w *writer) gather(op *operation) []*operation {
	// The callers who were answered together come again together. When the first of them has woken
	// this writer, the others are about to run: they are let first, so that they make one batch.
	runtime.Gosched()
	batch, bytes := append(w.batch[:0], op), op.size() //nolint:gocritic // in the room of the batch before
	var late *time.Timer
	for len(batch) < maxBatch && bytes < maxBatchBytes {
		select {
		case op := <-w.from:
			batch, bytes = append(batch, op), bytes+op.size()
			continue
		default:
		}
		if w.from != w.small || 2*len(batch) >= int(w.committing.Load()) {
			break
		}
		if late == nil {
			late = time.NewTimer(maxHold)
			defer late.Stop()
		}
		select {
		case op := <-w.from:
			batch, bytes = append(batch, op), bytes+op.size()
			continue
		case <-w.committed:
			continue
		case <-late.C:
		}
		break
	}
	w.sequence.begin(batch)
	return batch
}

// maxHold is how long a batch is held at most that is small beside one that is being committed. A
// commit costs as much as some rows do, and a server that has to make many small ones takes longer
// for all: the callers whom the larger one answers come again in a moment, and make one batch with
// those who wait. Where commits take long by themselves, the next batch goes beside them.
const maxHold = 5 * time.Millisecond

// commit writes a batch and answers it. Single statements do not share a transaction with
// operations that need several round trips, where those would hold the rows of the former locked.
func (w *writer) commit(batch []*operation) {
	if !w.dialect.grammar().fenced {
		w.write(batch)
		return
	}
	single := make([]*operation, 0, len(batch))
	var several []*operation
	for _, op := range batch {
		if op.do == nil {
			single = append(single, op)
			continue
		}
		several = append(several, op)
	}
	w.write(single)
	for len(several) > 0 {
		n := min(len(several), maxTogether)
		w.write(several[:n])
		several = several[n:]
	}
}

// maxTogether is how many operations of several round trips share a transaction at most: what one
// of them has locked stays so until all of them are done.
const maxTogether = 8

func (w *writer) write(batch []*operation) {
	if len(batch) == 0 {
		return
	}
	begun := time.Now()
	if w.from == w.small {
		w.committing.Add(int64(len(batch)))
	}
	err := w.persist(batch)
	if w.from == w.small {
		w.committing.Add(-int64(len(batch)))
		select {
		case w.committed <- struct{}{}:
		default: // whoever is to hear of it has not heard of the last yet
		}
	}
	w.observe(len(batch), time.Since(begun))
	for _, op := range batch {
		switch {
		case err != nil:
			op.err = err
		case op.err == nil:
			if op.row != nil {
				w.counts.add(called{op.row.FunctionID, op.row.FunctionVersion}, 1)
			}
			w.usage.committed(op)
			w.statistics.committed(op)
		}
	}
	for _, op := range w.sequence.answer(batch) {
		w.log.Error("the start of an execution could not be recorded", "execution_id", op.row.ID, "error", op.err)
	}
}

// connect takes a connection of the writer's own.
func (w *writer) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	w.tx = newTx(conn, w.dialect, w.form)
	if w.tx.grammar.fenced {
		var name, value string
		err := conn.QueryRowContext(ctx, "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'").Scan(&name, &value)
		if err != nil && !errors.Is(err, sql.ErrNoRows) { // MySQL has no such variable
			w.disconnect()
			return err
		}
		w.tx.cluster = value == "ON"
	}
	return nil
}

func (w *writer) disconnect() {
	_ = w.tx.conn.Raw(func(any) error { return driver.ErrBadConn }) // has it thrown away, not kept for the next
	_ = w.tx.conn.Close()
	w.tx = nil
}

// leave ends the last connection. Its database is closed next, and reports what goes wrong.
func (w *writer) leave() {
	if w.tx == nil {
		return
	}
	if w.tx.grammar.fenced {
		w.fence.remove(w.tx)
	}
	_ = w.tx.conn.Close()
}
