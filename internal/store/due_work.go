package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// DueWork keeps work that is due at a time, until it is done. Who does it is package duework's to
// say.
type DueWork struct{ *core }

// DueItem is a piece of work that is due at a time. Its kind and ref name it.
type DueItem struct {
	Kind      string
	Ref       string // what it is about: an id, as a rule
	Shard     int
	In        time.Duration // until it is due, by the database's clock; not above 0: it is due
	Attempts  int           // how often it was taken since it succeeded last, this time included
	Age       time.Duration // since it was added, or added anew
	LastError string        // of the last attempt that failed
	Woken     bool          // WakeDue has asked for this attempt

	dueAt int64
	token int64 // of the attempt in hand
}

// ErrNotInHand is in the chain of what an attempt hears whose item is no longer its own: its time
// had run out and another attempt has begun, or the item was added anew or withdrawn meanwhile.
var ErrNotInHand = errors.New("the item is not in hand any more")

// The states of an item.
const (
	dueWaiting = "waiting"
	dueDead    = "dead"
)

// lastErrorLength is how many bytes of an error are kept.
const lastErrorLength = 1000

// AddDue has work done after the time, once. An item of the same kind and ref is due then and
// begins anew, whatever its state: who has it in hand at the moment finds out that it is no longer
// its own.
func (s *DueWork) AddDue(ctx context.Context, kind, ref string, after time.Duration) error {
	return s.recorder.do(ctx, func(t *tx) error { return t.due.add(s.shards, kind, ref, after) })
}

// EnsureDue adds work that is due at once unless an item of the same kind and ref is there.
func (s *DueWork) EnsureDue(ctx context.Context, kind, ref string) error {
	return s.chores.doSingle(ctx, func(t *tx) error {
		_, err := t.change(insertDue(t.grammar, s.shards, kind, ref, 0))
		if t.dialect.fault(err) == duplicate {
			return nil
		}
		return err
	})
}

// WakeDue has an item done after the time at the latest, if it is there, and reports whether that has
// changed anything: whoever owns its shard is to be told then. An attempt that is in hand goes on, and
// the item is done once more after it. The attempt that begins next is told that it was woken.
// It is for items that are done again and again: one that is DueDone is gone, whoever has woken it.
func (s *DueWork) WakeDue(ctx context.Context, kind, ref string, after time.Duration) (bool, error) {
	at := s.dialect.grammar().now + ` + ?`
	in := after.Microseconds()
	// While woken_at is not 0, the item is due by then or is in hand: a later wish is met by that.
	n, err := s.chores.exec(ctx,
		`UPDATE due_work SET due_at = CASE WHEN token = 0 AND due_at > `+at+` THEN `+at+` ELSE due_at END, woken_at = `+at+`
		WHERE kind = ? AND ref = ? AND state = ? AND (woken_at = 0 OR woken_at > `+at+`)`,
		in, in, in, kind, ref, dueWaiting, in)
	return n > 0, err
}

// WithdrawDue takes out an item, if it is there.
func (s *DueWork) WithdrawDue(ctx context.Context, kind, ref string) error {
	c := withdrawDue(kind, ref)
	_, err := s.chores.exec(ctx, c.query, c.args...)
	return err
}

// dueItems are the items of due_work within a transaction.
type dueItems struct{ *statements }

// add is AddDue within a transaction.
func (t dueItems) add(n faas.Sharding, kind, ref string, after time.Duration) error {
	_, err := t.change(insertDue(t.grammar, n, kind, ref, after))
	if t.dialect.fault(err) != duplicate {
		return err
	}
	_, err = t.exec(
		`UPDATE due_work SET state = ?, due_at = `+t.grammar.now+` + ?, token = 0, attempts = 0, last_error = '',
		added_at = `+t.grammar.now+` WHERE kind = ? AND ref = ?`,
		dueWaiting,
		after.Microseconds(),
		kind,
		ref,
	)
	return err
}

const dueColumns = `kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at`

// insertDue is the statement that adds an item which is not there yet.
func insertDue(g grammar, n faas.Sharding, kind, ref string, after time.Duration) change {
	return change{
		`INSERT INTO due_work (` + dueColumns + `) VALUES ` + dueRow(g),
		[]any{kind, ref, int64(n.Of(ref)), dueWaiting, after.Microseconds()},
	}
}

// dueRow is what insertDue inserts.
func dueRow(g grammar) string { return `(?, ?, ?, ?, ` + g.now + ` + ?, 0, 0, 0, '', ` + g.now + `)` }

// and is the statement that adds the items of two, which are both of insertDue.
func (c change) and(g grammar, other change) change {
	return change{c.query + `, ` + dueRow(g), slices.Concat(c.args, other.args)}
}

// dueNow is the statement that has an item done at once, if it is there and not dead. Who has it in
// hand finds out that it is no longer its own.
func dueNow(g grammar, kind, ref string) change {
	return change{`UPDATE due_work SET due_at = ` + g.now + `, token = 0, attempts = 0
		WHERE kind = ? AND ref = ? AND state = ?`, []any{kind, ref, dueWaiting}}
}

// withdrawDue is the statement that takes out an item, if it is there.
func withdrawDue(kind, ref string) change {
	return change{`DELETE FROM due_work WHERE kind = ? AND ref = ?`, []any{kind, ref}}
}

// DueQuery asks for items that may be taken.
type DueQuery struct {
	Shards []int          // of these
	Room   map[string]int // of each kind at most so many
	Within time.Duration  // due by then: those that are not due yet say when the next look is worth it
}

// DueItems returns the items that are due, and those that will be soon, of each kind the longest
// due first. One statement looks up all kinds and shards: it reads the entries of the index that
// are due, and nothing of what is due later.
func (s *DueWork) DueItems(ctx context.Context, q DueQuery) ([]DueItem, error) {
	now := s.dialect.grammar().now
	var shards strings.Builder
	for i, shard := range q.Shards {
		if i > 0 {
			shards.WriteByte(',')
		}
		fmt.Fprint(&shards, shard)
	}
	var parts []string
	var args []any
	for kind, room := range q.Room {
		if room <= 0 {
			continue
		}
		// The subquery has the LIMIT stand beside UNION on every database. In its place the
		// optimiser walks the index in its order and stops at the limit.
		parts = append(parts, `SELECT * FROM (SELECT kind, ref, shard, due_at, due_at - `+now+` AS due_in FROM due_work
			WHERE kind = ? AND state = 'waiting' AND due_at <= `+now+` + ? AND shard IN (`+shards.String()+`)
			ORDER BY due_at LIMIT ?) one`)
		args = append(args, kind, q.Within.Microseconds(), room)
	}
	if len(parts) == 0 || len(q.Shards) == 0 {
		return nil, nil
	}
	rows, err := s.readers.QueryContext(ctx, strings.Join(parts, ` UNION ALL `), args...)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (i DueItem, err error) {
		var in int64
		err = row.Scan(&i.Kind, &i.Ref, &i.Shard, &i.dueAt, &in)
		i.In = time.Duration(in) * time.Microsecond
		return i, err
	})
}

// TakeDue takes items of one shard in hand for the owner, until the time has run out, and returns
// those that it took: an item goes to one of several that try. ErrNotOwner says that the shard is
// another's.
func (s *DueWork) TakeDue(
	ctx context.Context, o faas.Ownership, items []DueItem, hold func(kind string) time.Duration,
) ([]DueItem, error) {
	var taken []DueItem
	err := s.chores.do(ctx, func(t *tx) error {
		taken = nil
		if err := t.shards.owns(o); err != nil {
			return err
		}
		for _, i := range items {
			if i.Shard != o.Shard {
				continue
			}
			i.token = 1 + rand.Int64N(1<<62)
			n, err := t.exec(`UPDATE due_work SET due_at = `+t.grammar.now+` + ?, epoch = ?, token = ?, attempts = attempts + 1
				WHERE kind = ? AND ref = ? AND state = 'waiting' AND due_at = ? AND due_at <= `+t.grammar.now,
				hold(i.Kind).Microseconds(), o.Epoch, i.token, i.Kind, i.Ref, i.dueAt)
			if err != nil {
				return err
			}
			if n == 0 {
				continue // withdrawn, or another attempt's
			}
			if err := t.due.taken(&i); err != nil {
				return err
			}
			taken = append(taken, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// taken reads what an attempt is to know of the item that it has in hand now.
func (t dueItems) taken(i *DueItem) error {
	var age, woken int64
	err := t.queryRow(
		`SELECT attempts, last_error, `+t.grammar.now+` - added_at, woken_at FROM due_work WHERE kind = ? AND ref = ?`,
		i.Kind, i.Ref).Scan(&i.Attempts, &i.LastError, &age, &woken)
	if err != nil {
		return err
	}
	i.Age, i.Woken = time.Duration(age)*time.Microsecond, woken != 0
	if i.Woken { // from here on it is woken anew
		_, err = t.exec(`UPDATE due_work SET woken_at = 0 WHERE kind = ? AND ref = ?`, i.Kind, i.Ref)
	}
	return err
}

// HandOverDue has the items of a kind and a shard due at once that an owner before has in hand still,
// and returns how many there were. Whoever has one finds out that it is no longer its own. within is
// how long items of the kind are in hand at most. ErrNotOwner says that the shard is another's.
func (s *DueWork) HandOverDue(ctx context.Context, o faas.Ownership, kind string, within time.Duration) (int, error) {
	now := s.dialect.grammar().now
	// Read first: there is nothing as a rule, and an UPDATE would lock whatever it passes over.
	rows, err := s.readers.QueryContext(ctx, `SELECT ref, token FROM due_work WHERE kind = ? AND state = ?
		AND due_at <= `+now+` + ? AND shard = ? AND token <> 0 AND epoch < ?`,
		kind, dueWaiting, within.Microseconds(), o.Shard, o.Epoch)
	if err != nil {
		return 0, unavailable(err)
	}
	items, err := scanAll(rows, func(row scanner) (i DueItem, err error) { return i, row.Scan(&i.Ref, &i.token) })
	if err != nil || len(items) == 0 {
		return 0, err
	}
	var handed int
	err = s.chores.do(ctx, func(t *tx) error {
		handed = 0
		if err := t.shards.owns(o); err != nil {
			return err
		}
		for _, i := range items {
			n, err := t.exec(`UPDATE due_work SET due_at = `+t.grammar.now+`, token = 0 WHERE kind = ? AND ref = ? AND token = ?`,
				kind, i.Ref, i.token)
			if err != nil {
				return err
			}
			handed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return handed, nil
}

// DueDone strikes out an item that is done. This and what follows return ErrNotInHand when the item
// is another attempt's meanwhile.
func (s *DueWork) DueDone(ctx context.Context, i DueItem) error {
	return s.settleDue(ctx, i, dueDone(i))
}

// dueDone is the statement of DueDone. In the transaction of what was to be done it finds one row,
// or that is not to be committed: then it is done exactly once.
func dueDone(i DueItem) change {
	return change{`DELETE FROM due_work WHERE kind = ? AND ref = ? AND token = ?`, []any{i.Kind, i.Ref, i.token}}
}

// DueAgain has an item that went well done again after the time.
func (s *DueWork) DueAgain(ctx context.Context, i DueItem, after time.Duration) error {
	return s.settleDue(ctx, i, dueAgain(s.dialect.grammar(), i, after))
}

// dueAgain is the statement of DueAgain; see dueDone.
func dueAgain(g grammar, i DueItem, after time.Duration) change {
	at, in := dueAfter(g, after)
	return change{`UPDATE due_work SET due_at = ` + at + `, token = 0, attempts = 0, last_error = ''
		WHERE kind = ? AND ref = ? AND token = ?`, append(in, i.Kind, i.Ref, i.token)}
}

// dueAfter is when an item is due again whose attempt has ended: after the time, or when it was
// woken meanwhile.
func dueAfter(g grammar, after time.Duration) (at string, args []any) {
	at = g.now + ` + ?`
	in := after.Microseconds()
	return `CASE WHEN woken_at <> 0 AND woken_at < ` + at + ` THEN woken_at ELSE ` + at + ` END`, []any{in, in}
}

// DueFailed has an item tried again after the time; why is kept with it.
func (s *DueWork) DueFailed(ctx context.Context, i DueItem, after time.Duration, why string) error {
	at, in := dueAfter(s.dialect.grammar(), after)
	return s.settleDue(ctx, i, change{`UPDATE due_work SET due_at = ` + at + `, token = 0, last_error = ?
		WHERE kind = ? AND ref = ? AND token = ?`, append(in, shortened(why), i.Kind, i.Ref, i.token)})
}

// DueDead puts an item aside that has failed too often: it is not tried again until RetryDue.
func (s *DueWork) DueDead(ctx context.Context, i DueItem, why string) error {
	return s.settleDue(
		ctx,
		i,
		change{`UPDATE due_work SET state = ?, token = 0, due_at = ` + s.dialect.grammar().now + `, last_error = ?
		WHERE kind = ? AND ref = ? AND token = ?`, []any{dueDead, shortened(why), i.Kind, i.Ref, i.token}},
	)
}

func (s *DueWork) settleDue(ctx context.Context, i DueItem, c change) error {
	n, err := s.chores.exec(ctx, c.query, c.args...)
	if err == nil && n == 0 {
		return faas.Errorf(faas.Conflict, "The %s of %q is not in hand any more.", i.Kind, i.Ref).WithCause(ErrNotInHand)
	}
	return err
}

// shortened cuts a text that is too long to be kept, at a whole character.
func shortened(text string) string { return clipText(text, lastErrorLength) }

// clipText returns the beginning of a text, of so many bytes at most, in whole characters.
func clipText(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	text = text[:most]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}

// DeadItem is an item that was put aside.
type DeadItem struct {
	Kind, Ref string
	Attempts  int
	Since     time.Time // by the database's clock
	LastError string
}

// DeadItems returns items that were put aside, limit at most, by kind and the longest dead first.
func (s *DueWork) DeadItems(ctx context.Context, kinds []string, limit int) ([]DeadItem, error) {
	dead := []DeadItem{}
	for _, kind := range kinds { // each is a walk along the index
		rows, err := s.readers.QueryContext(ctx, `SELECT kind, ref, attempts, due_at, last_error FROM due_work
			WHERE kind = ? AND state = ? ORDER BY due_at LIMIT ?`, kind, dueDead, limit-len(dead))
		if err != nil {
			return nil, unavailable(err)
		}
		of, err := scanAll(rows, func(row scanner) (d DeadItem, err error) {
			return d, row.Scan(&d.Kind, &d.Ref, &d.Attempts, timeColumn{&d.Since}, &d.LastError)
		})
		if err != nil {
			return nil, err
		}
		if dead = append(dead, of...); len(dead) >= limit {
			break
		}
	}
	return dead, nil
}

// DueKinds returns the kinds of which there are items, in order.
func (s *DueWork) DueKinds(ctx context.Context) ([]string, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT DISTINCT kind FROM due_work ORDER BY kind`)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (kind string, err error) { return kind, row.Scan(&kind) })
}

// RetryDue has items done now that wait for their time or were put aside, of a kind all or one, and
// returns how many. ref is "*" for all.
func (s *DueWork) RetryDue(ctx context.Context, kind, ref string) (int64, error) {
	query := `UPDATE due_work SET state = ?, attempts = 0, due_at = ` + s.dialect.grammar().now + ` WHERE kind = ? AND token = 0`
	if ref == "*" {
		return s.chores.exec(ctx, query, dueWaiting, kind)
	}
	return s.chores.exec(ctx, query+` AND ref = ?`, dueWaiting, kind, ref)
}
