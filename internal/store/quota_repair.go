package store

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// counting is rows that are counted for a resource: all of a table that has a project_id, each as much
// as its amount says.
type counting struct{ amount, table string }

// counted has the resources of which quota_usages keeps count.
var counted = map[faas.Resource][]counting{
	faas.ResourceFunctions: {{"1", "functions"}},
	faas.ResourcePackages:  {{"code_size", "functions"}, {"code_size", "function_versions"}},
	faas.ResourceAliases:   {{"1", "aliases"}},
	faas.ResourceJobs:      {{"1", "jobs"}},
	faas.ResourceWebhooks:  {{"1", "webhooks"}},
	faas.ResourceTriggers:  {{"1", "triggers"}},
}

// RepairUsage counts again what every project has and corrects the counts that are off, which
// programs older than the counts leave behind. It returns how many were.
func (s *QuotaStore) RepairUsage(ctx context.Context) (repaired int, err error) {
	for r, rows := range counted {
		projects, err := s.miscounted(ctx, r, rows)
		if err != nil {
			return repaired, err
		}
		for _, project := range projects {
			changed, err := s.repairUsage(ctx, project, r, rows)
			if err != nil {
				return repaired, err
			}
			if changed {
				repaired++
			}
		}
	}
	return repaired, nil
}

// selected returns a query for the project and the amount of each of the rows that meet a
// condition, "" for all.
func selected(rows []counting, where string) string {
	parts := make([]string, len(rows))
	for i, of := range rows {
		parts[i] = `SELECT project_id, ` + of.amount + ` AS n FROM ` + of.table + where
	}
	return strings.Join(parts, ` UNION ALL `)
}

// miscounted returns the projects whose count seems off. It may be because it changes meanwhile.
func (s *QuotaStore) miscounted(ctx context.Context, r faas.Resource, of []counting) ([]string, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT f.project_id FROM
			(SELECT project_id, SUM(n) AS n FROM (`+selected(of, "")+`) each_row GROUP BY project_id) f
			LEFT JOIN quota_usages u ON u.project_id = f.project_id AND u.resource = ?
			WHERE u.used IS NULL OR u.used <> f.n
		UNION SELECT u.project_id FROM quota_usages u WHERE resource = ? AND used <> 0
			AND u.project_id NOT IN (SELECT project_id FROM (`+selected(of, "")+`) any_row)`, string(r), string(r))
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (project string, err error) { return project, row.Scan(&project) })
}

// repairUsage corrects one count. Its row is locked before the rows are counted: what changes
// them changes the row, too, so that whatever is not committed yet is counted after this.
func (s *QuotaStore) repairUsage(ctx context.Context, projectID string, r faas.Resource, of []counting) (changed bool,
	err error) {
	err = s.chores.do(ctx, func(t *tx) error {
		changed = false
		used, there, err := t.quota.used(projectID, r)
		if err != nil {
			return err
		}
		var args []any
		for range of {
			args = append(args, projectID)
		}
		var n int64
		sum := `SELECT COALESCE(SUM(n), 0) FROM (` + selected(of, ` WHERE project_id = ?`) + `) each_row`
		if err := t.queryRow(sum, args...).Scan(&n); err != nil {
			return err
		}
		changed = !there || n != used
		switch {
		case !changed:
			return nil
		case there:
			_, err = t.exec(`UPDATE quota_usages SET used = ? WHERE project_id = ? AND resource = ?`, n, projectID,
				string(r))
		default:
			_, err = t.exec(`INSERT INTO quota_usages (project_id, resource, used) VALUES (?, ?, ?)`, projectID,
				string(r), n)
		}
		return err
	})
	return err == nil && changed, err
}
