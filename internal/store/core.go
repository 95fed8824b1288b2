package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// core is what the types of a Store share: its connections and writers, its clock, and what it read
// when it was opened. Its methods serve several of them.
type core struct {
	now     func() time.Time
	dialect dialect
	pools
	writer *sql.DB
	*recorders
	get    lookups
	shards faas.Sharding
}

func (c *core) connect(ctx context.Context, o Options) (err error) {
	if c.pools, err = openPools(c.dialect, o.Readers); err != nil {
		return err
	}
	if err := refuseOtherSchema(ctx, c.dialect, c.readers, o.Log); err != nil {
		return err
	}
	if err := c.get.prepare(ctx, c.readers); err != nil {
		return err
	}
	if c.shards, err = readSharding(ctx, c.readers); err != nil {
		return err
	}
	form, err := readForm(ctx, c.readers)
	if err != nil {
		return err
	}
	if c.writer, err = c.dialect.open(forWriting); err != nil {
		return err
	}
	c.recorders, err = startRecorders(ctx, c.writer, c.dialect, form, o)
	return err
}

func (c *core) closeConnections() error {
	var errs []error
	for _, db := range []*sql.DB{c.writer, c.readers, c.lists, c.scans, c.health} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// timestamp returns the clock's time as the database keeps it.
func (c *core) timestamp() time.Time { return moment(micros(c.now())) }

// countQueued counts an execution that executionRows.enqueue has recorded.
func (c *core) countQueued(e *faas.Execution) {
	c.counts.add(called{e.FunctionID, e.FunctionVersion}, 1)
	c.usage.add(e.ProjectID, recordCounts{queued: 1, bytes: recordBytes(e)})
}

// countGone counts that records are gone.
func (c *core) countGone(gone []record) {
	for _, r := range gone {
		c.usage.add(r.project, recordCounts{bytes: -r.bytes})
	}
}
