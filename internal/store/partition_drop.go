package store

import (
	"context"
	"fmt"
	"time"
)

// A span that is old is changed for an empty table first, which only swaps the names of two files.
// Then nobody else sees its rows, whose sizes are counted and whose file is deleted while calls go
// on.

// goneSuffix is how the table is called that has an old span's rows.
const goneSuffix = "_gone"

// dropSpans drops the partitions of executions all of which ended before the time, and those of
// their contents. It returns how many executions are gone and which partitions are left to look
// through row by row.
func (s *Retention) dropSpans(ctx context.Context, all []partition, before time.Time) (gone int, left []string, err error) {
	a, err := newAlterer(ctx, s.dialect)
	if err != nil {
		return 0, nil, err
	}
	defer a.close()
	if gone, err = s.dropGone(ctx, a); err != nil { // of a process that died in the middle
		return gone, nil, err
	}
	for _, p := range all {
		end, spans := timeOf(p.until)
		if spans && end.After(before) {
			continue // it is dropped when it is old
		}
		over := false
		if spans {
			if over, err = ended(ctx, a, "executions PARTITION ("+p.name+")", before); err != nil {
				return gone, nil, err
			}
		}
		if !over {
			left = append(left, p.name)
			continue
		}
		n, err := s.dropSpan(ctx, a, p, before)
		gone += n
		if err != nil {
			return gone, nil, err
		}
	}
	return gone, left, s.dropContents(ctx, a, before)
}

// ended reports whether all executions of a table or partition ended before the time. An index has
// the answer at its ends.
func ended(ctx context.Context, a *alterer, from string, before time.Time) (bool, error) {
	var first, last int64
	err := a.db.QueryRowContext(ctx, "SELECT COALESCE(MIN(ended_at), 1), COALESCE(MAX(ended_at), 1) FROM "+from).Scan(&first, &last)
	return first > 0 && last < micros(before), unavailable(err)
}

// dropSpan drops one partition of executions.
func (s *Retention) dropSpan(ctx context.Context, a *alterer, p partition, before time.Time) (int, error) {
	const gone = "executions" + goneSuffix
	if err := a.swap(ctx, "executions", p.name); err != nil {
		return 0, err
	}
	over, err := ended(ctx, a, gone, before)
	if err == nil && !over { // one has come since it was looked at
		err = a.alter(ctx, fmt.Sprintf("ALTER TABLE executions EXCHANGE PARTITION %s WITH TABLE %s", p.name, gone))
		if err == nil {
			err = a.exec(ctx, "DROP TABLE "+gone)
		}
		return 0, err
	}
	if err != nil {
		return 0, err
	}
	if err := a.alter(ctx, fmt.Sprintf("ALTER TABLE executions DROP PARTITION %s", p.name)); err != nil {
		return 0, err
	}
	return s.dropGone(ctx, a)
}

// swap changes a partition for an empty table, which then has its rows.
func (a *alterer) swap(ctx context.Context, table, name string) error {
	gone := table + goneSuffix
	if err := a.alter(ctx, fmt.Sprintf("CREATE TABLE %s LIKE %s", gone, table)); err != nil {
		return err
	}
	if err := a.alter(ctx, fmt.Sprintf("ALTER TABLE %s REMOVE PARTITIONING", gone)); err != nil {
		return err
	}
	return a.alter(ctx, fmt.Sprintf("ALTER TABLE %s EXCHANGE PARTITION %s WITH TABLE %s", table, name, gone))
}

// dropGone counts that the executions which were swapped out are gone, and drops their table, if it
// is there. Where the process dies in between, they are counted twice until RepairRecordUsage.
func (s *Retention) dropGone(ctx context.Context, a *alterer) (n int, err error) {
	var there int
	err = a.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?`,
		"executions"+goneSuffix).Scan(&there)
	if err != nil || there == 0 {
		return 0, unavailable(err)
	}
	rows, err := a.db.QueryContext(ctx, `SELECT project_id, SUM(record_bytes), COUNT(*) FROM executions`+goneSuffix+` GROUP BY project_id`)
	if err != nil {
		return 0, unavailable(err)
	}
	type sum struct {
		record
		rows int
	}
	sums, err := scanAll(rows, func(row scanner) (c sum, err error) { return c, row.Scan(&c.project, &c.bytes, &c.rows) })
	if err != nil {
		return 0, err
	}
	if err := a.exec(ctx, "DROP TABLE executions"+goneSuffix); err != nil {
		return 0, err
	}
	for _, c := range sums {
		s.countGone([]record{c.record})
		n += c.rows
	}
	return n, nil
}

// dropContents drops the partitions of contents whose executions are gone.
func (s *Retention) dropContents(ctx context.Context, a *alterer, before time.Time) error {
	const table, gone = "execution_contents", "execution_contents" + goneSuffix
	if err := a.exec(ctx, "DROP TABLE IF EXISTS "+gone); err != nil {
		return err
	}
	all, err := partitionsOf(ctx, a.db, table)
	if err != nil {
		return err
	}
	from := ""
	for _, p := range all {
		begins := from
		from = p.until
		if end, spans := timeOf(p.until); !spans || end.After(before) {
			continue
		}
		var used int
		err := a.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM executions WHERE id >= ? AND id < ?)`, begins, p.until).Scan(&used)
		if err != nil {
			return unavailable(err)
		}
		if used == 1 {
			continue
		}
		if err := a.swap(ctx, table, p.name); err != nil {
			return err
		}
		if err := a.alter(ctx, fmt.Sprintf("ALTER TABLE %s DROP PARTITION %s", table, p.name)); err != nil {
			return err
		}
		if err := a.exec(ctx, "DROP TABLE "+gone); err != nil {
			return err
		}
	}
	return nil
}
