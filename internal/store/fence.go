package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// fence finds out what became of a COMMIT that was not answered, because the connection or the server was lost: repeating a batch that
// was committed would do twice what is not the same done twice, such as counting calls, and would tell the winner of a claim that it
// lost. Every batch therefore writes its number, in its own transaction, into the one row that its process has in the table writers.
// Whether the number stands there is whether the batch was committed.
//
// It may also be on its way still: in a server that has not noticed that its client is gone, or in another node of a cluster. So the
// question writes the row, too. The lock of the row makes it wait for a transaction on the same server, and certification lets only the
// first of two win on different nodes. Once the question is committed, the batch is not and never will be, and is run again.
type fence struct {
	id    string
	batch int64 // the batch that is being written
	doubt bool  // its COMMIT was sent and not answered with success
	now   func() time.Time
}

func newFence(now func() time.Time) fence { return fence{id: faas.NewID(), now: now} }

func (f *fence) next() { f.batch++; f.doubt = false }

// mark is the statement that writes the number into the process's row. It holds nothing but our own id and two numbers, so that it can be
// sent as text, together with the COMMIT.
func (f *fence) mark(number int64) string {
	return fmt.Sprintf(`INSERT INTO writers (id, batch, seen_at) VALUES ('%s', %d, %d)
		ON DUPLICATE KEY UPDATE batch = VALUES(batch), seen_at = VALUES(seen_at)`, f.id, number, micros(f.now()))
}

// committed settles the doubt: true says that the batch was committed, false that it was not and cannot be any more. An error leaves the
// doubt as it is; asking again does no harm.
func (f *fence) committed(t *tx) (bool, error) {
	var last int64
	err := t.queryRow(`SELECT batch FROM writers WHERE id = ? FOR UPDATE`, f.id).Scan(&last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if last != f.batch {
		if err := t.control(f.mark(-f.batch)); err != nil {
			return false, err
		}
	}
	if err := t.control("COMMIT"); err != nil {
		return false, err
	}
	f.doubt = false
	return last == f.batch, nil
}

// forgetAfter is when the row of a process that was killed is of no use any more.
const forgetAfter = 7 * 24 * time.Hour

// remove takes out the process's row and those of processes that are long gone. Where it fails, the row stays for another to remove.
func (f *fence) remove(t *tx) {
	_, err := t.exec(`DELETE FROM writers WHERE id = ? OR seen_at < ?`, f.id, micros(f.now().Add(-forgetAfter)))
	if err == nil {
		_ = t.control("COMMIT")
	}
}
