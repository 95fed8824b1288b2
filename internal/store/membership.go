package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Membership knows the processes and engines that live, and which engine owns which shard.
type Membership struct{ *core }

// ErrNotOwner is in the chain of what a write is refused with whose shard another engine has taken.
var ErrNotOwner = errors.New("another engine has taken the shard")

// LiveEngine is an engine that has announced itself lately.
type LiveEngine struct {
	Name string
	// Standing names the set of engines for which it stands in its lines; "" while it does for
	// none.
	Standing string
	SeenAt   time.Time // when it has announced itself last, by the database's clock
}

// ShardOwner says who took a shard last.
type ShardOwner struct {
	faas.Ownership
	Owner   string
	OwnedAt time.Time // by the database's clock; zero: nobody ever has
}

// Shards returns the number of shards, as it was read when the store was opened.
func (s *Membership) Shards() faas.Sharding { return s.shards }

func readSharding(ctx context.Context, db *sql.DB) (faas.Sharding, error) {
	var n, last int
	err := db.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(MAX(id), -1) FROM shards`).Scan(&n, &last)
	if err != nil {
		return 0, unavailable(err)
	}
	if n == 0 || last != n-1 {
		return 0, fmt.Errorf(
			"the table shards has %d rows, and the last is %d: their ids must be 0, 1, 2, … without a gap", n,
			last,
		)
	}
	return faas.Sharding(n), nil
}

// AnnounceEngine says that an engine lives and for which set of engines it stands in its lines. It
// returns those that have announced themselves within the time, itself among them, by name.
func (s *Membership) AnnounceEngine(ctx context.Context, e LiveEngine, within time.Duration) ([]LiveEngine, error) {
	err := s.recorder.do(ctx, func(t *tx) error {
		// Its own row first: it changes whenever time has passed.
		n, err := t.exec(`UPDATE engines SET seen_at = `+t.grammar.now+`, standing = ? WHERE name = ?`, e.Standing, e.Name)
		if err != nil || n > 0 {
			return err
		}
		_, err = t.exec(`INSERT INTO engines (name, seen_at, standing) VALUES (?, `+t.grammar.now+`, ?)`, e.Name, e.Standing)
		if t.dialect.fault(err) == duplicate { // announced twice within a microsecond
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.LiveEngines(ctx, within)
}

// LiveEngines returns the engines that have announced themselves within the time, by name.
func (s *Membership) LiveEngines(ctx context.Context, within time.Duration) ([]LiveEngine, error) {
	rows, err := s.readers.QueryContext(
		ctx,
		`SELECT name, standing, seen_at FROM engines WHERE seen_at > `+s.dialect.grammar().now+` - ? ORDER BY name`,
		within.Microseconds(),
	)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (e LiveEngine, err error) {
		return e, row.Scan(&e.Name, &e.Standing, timeColumn{&e.SeenAt})
	})
}

// forgetEngineAfter is when the row of an engine that was killed is of no use to anybody.
const forgetEngineAfter = 24 * time.Hour

// RemoveEngine says that an engine has ended. It forgets engines that were killed long ago, too.
func (s *Membership) RemoveEngine(ctx context.Context, name string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		_, err := t.exec(
			`DELETE FROM engines WHERE name = ? OR seen_at < `+t.grammar.now+` - ?`,
			name,
			forgetEngineAfter.Microseconds(),
		)
		return err
	})
}

// TakeShard makes a shard the owner's and returns its ownership, under a new epoch: whatever owners
// before still write is refused from here on. Who may take it is not decided here: the broker
// elects.
func (s *Membership) TakeShard(ctx context.Context, shard int, owner string) (faas.Ownership, error) {
	var epoch int64
	err := s.recorder.do(ctx, func(t *tx) error {
		n, err := t.exec(
			`UPDATE shards SET epoch = epoch + 1, owner = ?, owned_at = `+t.grammar.now+` WHERE id = ?`,
			owner,
			shard,
		)
		if err != nil {
			return err
		}
		if n == 0 {
			return notFound("shard", fmt.Sprint(shard))
		}
		return t.queryRow(`SELECT epoch FROM shards WHERE id = ?`, shard).Scan(&epoch)
	})
	if err != nil { // what the recorder still writes is not read
		return faas.Ownership{}, err
	}
	return faas.Ownership{Shard: shard, Epoch: epoch}, nil
}

// ShardOwners returns who took each shard last, in the order of the shards.
func (s *Membership) ShardOwners(ctx context.Context) ([]ShardOwner, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT id, epoch, owner, owned_at FROM shards ORDER BY id`)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (o ShardOwner, err error) {
		return o, row.Scan(&o.Shard, &o.Epoch, &o.Owner, timeColumn{&o.OwnedAt})
	})
}

// shardRows are the shards within a transaction.
type shardRows struct{ *statements }

// owns refuses a transaction whose caller owns the shard no longer. The row is locked until the
// commit, so that nobody takes the shard between this and what the caller writes.
func (t shardRows) owns(o faas.Ownership) error {
	var epoch int64
	err := t.queryRow(`SELECT epoch FROM shards WHERE id = ?`+t.grammar.forShare, o.Shard).Scan(&epoch)
	if err != nil {
		return missing("shard", fmt.Sprint(o.Shard), err)
	}
	if epoch != o.Epoch {
		return faas.Errorf(faas.Conflict, "Shard %d is another engine's: its epoch is %d, and this is of epoch %d.",
			o.Shard, epoch, o.Epoch).WithCause(ErrNotOwner)
	}
	return nil
}
