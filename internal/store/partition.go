package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// On a server, the tables of executions and of their contents are divided by the time of their ids
// (faas.NewID), so that old records go a partition at a time: to drop a file costs the same whatever
// is in it, where deleting a million rows costs a million deletions.
//
//	until_2026…   a span of time each, the oldest first; the name says where it ends
//	ahead         what comes after the last span: empty, unless nobody has made spans for long
//	events        the ids of triggers' events, which are in no order of time (faas.IDOfEvent)
//
// The primary key is the id alone, so that what finds one execution looks into one partition. The
// other indexes are one for each partition; there are few enough for lists to look into all.

const (
	partitionAhead  = "ahead"
	partitionEvents = "events"
	// boundOfTimes is above all ids that begin with a time, until the year 2527, and below those of
	// events.
	boundOfTimes = "1"
	// spanLayout is how the name of a span says where it ends, in UTC.
	spanLayout = "until_200601021504"
)

// partitioned are the tables that are divided, with the column whose ids divide them.
var partitioned = []struct{ table, by string }{{"executions", "id"}, {"execution_contents", "execution_id"}}

// partition is one of a table's.
type partition struct {
	name  string
	until string // ids in it are below; "" for the last
}

// boundAt returns the lowest id of a time.
func boundAt(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%08x-%04x", ms>>16, ms&0xffff)
}

// timeOf returns the time whose lowest id it is; false for a bound of no time.
func timeOf(bound string) (time.Time, bool) {
	var high, low int64
	if n, err := fmt.Sscanf(bound, "%08x-%04x", &high, &low); err != nil || n != 2 {
		return time.Time{}, false
	}
	return time.UnixMilli(high<<16 | low).UTC(), true
}

// span is a partition as a statement names it.
func span(end time.Time) string {
	return fmt.Sprintf("PARTITION %s VALUES LESS THAN ('%s')", end.UTC().Format(spanLayout), boundAt(end))
}

// The partitions after the spans.
const (
	aheadOfSpans = "PARTITION " + partitionAhead + " VALUES LESS THAN ('" + boundOfTimes + "')"
	rest         = aheadOfSpans + ", PARTITION " + partitionEvents + " VALUES LESS THAN (MAXVALUE)"
)

// SpanOf returns how long a partition's span is where records are kept for the retention, 0 for
// ever: records stay for a fifteenth longer at most, and there are some twenty partitions.
func SpanOf(retention time.Duration) time.Duration {
	const shortest, longest = time.Hour, 7 * 24 * time.Hour
	if retention <= 0 {
		return longest
	}
	return min(longest, max(shortest, (retention/15).Truncate(time.Hour)))
}

// spansAhead is how many spans are ready before their time: as long as that, everything may be down
// that makes them.
const spansAhead = 3

// missingSpans returns the ends of spans that are to be made after the last one.
func missingSpans(last, now time.Time, length time.Duration) (ends []time.Time) {
	if last.Before(now) { // what came since is in ahead, and goes into one span
		last = now.Truncate(time.Hour)
	}
	for last.Before(now.Add(spansAhead * length)) {
		last = last.Add(length)
		ends = append(ends, last)
	}
	return ends
}

// partitionsOf returns a table's partitions in their order; none when it is not divided.
func partitionsOf(ctx context.Context, db querier, table string) ([]partition, error) {
	rows, err := db.QueryContext(ctx, `SELECT partition_name, COALESCE(partition_description, '') FROM information_schema.partitions
		WHERE table_schema = DATABASE() AND table_name = ? AND partition_name IS NOT NULL ORDER BY partition_ordinal_position`, table)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (p partition, err error) {
		err = row.Scan(&p.name, &p.until)
		if p.until = strings.Trim(p.until, "'"); p.until == "MAXVALUE" {
			p.until = ""
		}
		return p, err
	})
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// MakeSpans makes the partitions that are to be there before their time. It does nothing to tables
// that are not divided. The error has ErrInUse in its chain when a table was in use for too long,
// and ErrNoRight when the database's user may not change tables.
func (s *Retention) MakeSpans(ctx context.Context, retention time.Duration) error {
	if !s.dialect.grammar().fenced {
		return nil
	}
	a, err := newAlterer(ctx, s.dialect)
	if err != nil {
		return err
	}
	defer a.close()
	for _, t := range partitioned {
		all, err := partitionsOf(ctx, a.db, t.table)
		if err != nil {
			return err
		}
		var last time.Time
		ahead := false
		for _, p := range all {
			if end, ok := timeOf(p.until); ok {
				last = end
			}
			ahead = ahead || p.name == partitionAhead
		}
		ends := missingSpans(last, s.now(), SpanOf(retention))
		if !ahead || len(ends) == 0 {
			continue
		}
		var spans strings.Builder
		for _, end := range ends {
			spans.WriteString(span(end) + ", ")
		}
		divide := fmt.Sprintf("ALTER TABLE %s REORGANIZE PARTITION %s INTO (%s%s)", //nolint:misspell // SQL's own word
			t.table, partitionAhead, spans.String(), aheadOfSpans)
		if err := a.alter(ctx, divide); err != nil {
			return err
		}
	}
	return nil
}

// Retire forgets executions that ended before the time, with whole partitions where it can: limit
// rows at most of others. It returns how many executions it has forgotten; as many as limit or more:
// there may be more. A record in a partition of a span stays until the whole span is that old.
func (s *Retention) Retire(ctx context.Context, before time.Time, limit int) (int, error) {
	if !s.dialect.grammar().fenced {
		return s.PurgeExecutions(ctx, before, limit)
	}
	all, err := partitionsOf(ctx, s.scans, "executions")
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return s.PurgeExecutions(ctx, before, limit)
	}
	gone, left, err := s.dropSpans(ctx, all, before)
	switch {
	case errors.Is(err, ErrNoRight):
		n, err := s.PurgeExecutions(ctx, before, limit)
		return gone + n, err
	case err != nil:
		return gone, err
	}
	n, err := s.purge(ctx, "executions PARTITION ("+strings.Join(left, ", ")+")", endedBefore, limit, micros(before), micros(before))
	if err != nil || n == limit {
		return gone + n, err
	}
	return gone + n, s.purgeStories(ctx, before, limit)
}
