package store

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// repairStep is how many records one statement of RepairRecordUsage goes through.
const repairStep = 20_000

// RepairRecordUsage counts the records of all executions anew and corrects the counts that are off;
// it returns how many were. It goes through the whole table in bounded steps: for a hundred million
// records that takes half an hour, so it is done seldom. What is recorded or deleted meanwhile may
// be counted twice or not at all, so that a count may be off by that until the next repair.
func (s *QuotaStore) RepairRecordUsage(ctx context.Context) (repaired int, err error) {
	said, err := s.saidOfRecords(ctx)
	if err != nil {
		return 0, err
	}
	there := map[string]recordCounts{}
	for after, more := "", true; more; {
		if after, more, err = s.countRecords(ctx, after, there); err != nil {
			return 0, err
		}
	}
	for projectID := range said {
		there[projectID] = there[projectID].plus(recordCounts{})
	}
	for projectID, counts := range there {
		off := recordCounts{counts.queued - said[projectID].queued, counts.bytes - said[projectID].bytes}
		if off == (recordCounts{}) {
			continue
		}
		if err := s.chores.do(ctx, func(t *tx) error { return t.quota.addRecords(projectID, off) }); err != nil {
			return repaired, err
		}
		repaired++
	}
	return repaired, nil
}

// saidOfRecords returns the counts of all projects as the rows have them.
func (s *QuotaStore) saidOfRecords(ctx context.Context) (map[string]recordCounts, error) {
	said := map[string]recordCounts{}
	for r, set := range map[faas.Resource]func(*recordCounts, int64){
		faas.ResourceQueued:  func(c *recordCounts, n int64) { c.queued = n },
		faas.ResourceRecords: func(c *recordCounts, n int64) { c.bytes = n },
	} {
		rows, err := s.scans.QueryContext(ctx, `SELECT project_id, used FROM quota_usages WHERE resource = ?`,
			string(r))
		if err != nil {
			return nil, unavailable(err)
		}
		type usage struct {
			project string
			used    int64
		}
		all, err := scanAll(rows, func(row scanner) (u usage, err error) { return u, row.Scan(&u.project, &u.used) })
		if err != nil {
			return nil, err
		}
		for _, u := range all {
			counts := said[u.project]
			set(&counts, u.used)
			said[u.project] = counts
		}
	}
	return said, nil
}

// countRecords adds up the records of one step, those whose ids come after the one given, and
// returns the id after which the next step begins.
func (s *QuotaStore) countRecords(ctx context.Context, after string, sums map[string]recordCounts) (last string,
	more bool, err error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT project_id, SUM(queued), SUM(record_bytes), MAX(id), COUNT(*) FROM (
		SELECT id, project_id, record_bytes, CASE WHEN status = 'queued' THEN 1 ELSE 0 END AS queued
		FROM executions WHERE id > ? ORDER BY id LIMIT ?) step GROUP BY project_id`, after, repairStep)
	if err != nil {
		return "", false, unavailable(err)
	}
	type sum struct {
		project string
		recordCounts
		last string
		rows int
	}
	all, err := scanAll(rows, func(row scanner) (c sum, err error) {
		return c, row.Scan(&c.project, &c.queued, &c.bytes, &c.last, &c.rows)
	})
	if err != nil {
		return "", false, err
	}
	last, n := after, 0
	for _, c := range all {
		sums[c.project] = sums[c.project].plus(c.recordCounts)
		last, n = max(last, c.last), n+c.rows
	}
	return last, n == repairStep, nil
}
