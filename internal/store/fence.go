package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// fence finds out what became of a COMMIT that was not answered, because the connection or the
// server was lost. Repeating a batch that was committed would do twice what is not the same done
// twice, such as counting calls, and the winner of a claim would hear that it lost. Therefore every
// batch writes its number, in its own transaction, into the one row that its writer has in the
// table writers. Whether the number stands there is whether the batch was committed.
//
// It may also be on its way still: in a server that has not noticed that its client is gone, or on
// another node of a cluster. Therefore the question writes the row, too, with the number negated.
//   - A transaction that has written its number holds the lock of the row: the question waits for it.
//   - One that has not will find the row with a number that is not below its own. Then the statement
//     that writes it fails, and the COMMIT behind it, in the same packet, is not run.
//   - On two nodes of a cluster, certification lets only the first of the two win.
//
// So, once the question is committed, the batch is not and never will be. It is run again under a
// new number.
//
// A batch that is sent as one packet loses the answers of its statements together with that of its
// COMMIT. Therefore the row also keeps how many rows each of them found.
type fence struct {
	id      string
	batch   int64 // the number of the batch that is being written
	doubt   bool  // its COMMIT was sent and not answered with success
	doubted bool  // there was a doubt since the writer began
	now     func() time.Time
}

func newFence(now func() time.Time) fence { return fence{id: faas.NewID(), now: now} }

// next begins a batch.
func (f *fence) next() { f.batch++; f.doubt = false }

// sent notes what became of a COMMIT.
func (f *fence) sent(err error) {
	f.doubt = err != nil
	f.doubted = f.doubted || f.doubt
}

// mark is the statement that writes a batch's number into the writer's row. It fails, because the
// column is NOT NULL, when the row has that number or a later one already. It holds nothing but our
// own id, numbers and the expression for the outcome, so that it can be sent as text together with
// the COMMIT.
func (f *fence) mark(number int64, outcome string) string {
	return fmt.Sprintf(`INSERT INTO writers (id, batch, seen_at, outcome) VALUES ('%s', %d, %d, %s) ON DUPLICATE KEY UPDATE
		batch = IF(ABS(batch) < ABS(VALUES(batch)), VALUES(batch), NULL), seen_at = VALUES(seen_at), outcome = VALUES(outcome)`,
		f.id, number, micros(f.now()), outcome)
}

const noOutcome = `''`

// Where another node's transaction wins against one here, the server undoes that at any moment, and
// in a packet of several statements those behind that moment have been seen to go on, in a
// transaction of their own: the COMMIT would then keep a part of the batch. Therefore a batch on a
// cluster writes its mark first, and ends with a statement that fails unless it finds that mark.

// first is the statement that begins a batch; "" where only its end is marked.
func (f *fence) first(t *tx) string {
	if !t.cluster {
		return ""
	}
	return f.mark(f.batch, noOutcome) + "; "
}

// last is the statement that ends a batch, before its COMMIT.
func (f *fence) last(t *tx, outcome string) string {
	if !t.cluster {
		return f.mark(f.batch, outcome)
	}
	return fmt.Sprintf(`INSERT INTO writers (id, batch, seen_at, outcome)
		SELECT '%s', IF((SELECT batch FROM writers WHERE id = '%s') = %d, %d, NULL), 0, %s FROM DUAL
		ON DUPLICATE KEY UPDATE outcome = VALUES(outcome)`, f.id, f.id, f.batch, f.batch, outcome)
}

// committed settles the doubt. It reports whether the batch was committed, and with which outcome.
// When it was not, it cannot be any more. An error leaves the doubt as it is, and asking again does
// no harm.
func (f *fence) committed(t *tx) (bool, string, error) {
	if err := t.begin(); err != nil {
		return false, "", err
	}
	var last int64
	var outcome string
	err := t.queryRow(`SELECT batch, outcome FROM writers WHERE id = ? FOR UPDATE`, f.id).Scan(&last, &outcome)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, "", err
	}
	if last != f.batch && last != -f.batch { // the latter when this question was asked before
		if err := t.control(f.mark(-f.batch, noOutcome)); err != nil {
			return false, "", err
		}
	}
	if err := t.control(t.grammar.commit); err != nil {
		return false, "", err
	}
	f.doubt = false
	return last == f.batch, outcome, nil
}

// forgetAfter is when the row of a writer that was killed is of no use any more.
const forgetAfter = 7 * 24 * time.Hour

// remove takes out the writer's row, and those of writers that are long gone. The row of one that
// was ever in doubt stays until then: without it a packet that is still on its way would be taken
// for new. Where remove fails, the row stays for another to remove.
func (f *fence) remove(t *tx) {
	id := f.id
	if f.doubted {
		id = ""
	}
	if t.begin() != nil {
		return
	}
	_, err := t.exec(`DELETE FROM writers WHERE id = ? OR seen_at < ?`, id, micros(f.now().Add(-forgetAfter)))
	if err == nil {
		_ = t.control(t.grammar.commit)
	}
}
