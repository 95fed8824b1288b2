package store

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// counting is how the rows of a project are counted for a resource: an expression over those that a
// table has with its project_id.
type counting struct{ expression, table string }

// counted has the resources of which quota_usages keeps count.
var counted = map[faas.Resource]counting{
	faas.ResourceFunctions: {`COUNT(*)`, "functions"},
	faas.ResourcePackages:  {`COALESCE(SUM(code_size), 0)`, "functions"},
	faas.ResourceWebhooks:  {`COUNT(*)`, "webhooks"},
}

// RepairUsage counts again what every project has and corrects the counts that are off, which
// programs older than the counts leave behind. It returns how many were.
func (s *Store) RepairUsage(ctx context.Context) (repaired int, err error) {
	for r, count := range counted {
		projects, err := s.miscounted(ctx, r, count)
		if err != nil {
			return repaired, err
		}
		for _, project := range projects {
			changed, err := s.repairUsage(ctx, project, r, count)
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

// miscounted returns the projects whose count seems off. It may be because it changes meanwhile.
func (s *Store) miscounted(ctx context.Context, r faas.Resource, count counting) ([]string, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT f.project_id FROM (SELECT project_id, `+count.expression+` AS n FROM `+count.table+` GROUP BY project_id) f
		LEFT JOIN quota_usages u ON u.project_id = f.project_id AND u.resource = ? WHERE u.used IS NULL OR u.used <> f.n
		UNION SELECT project_id FROM quota_usages u WHERE resource = ? AND used <> 0
		AND NOT EXISTS (SELECT 1 FROM `+count.table+` f WHERE f.project_id = u.project_id)`, string(r), string(r))
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, func(row scanner) (project string, err error) { return project, row.Scan(&project) })
}

// repairUsage corrects one count. Its row is locked before the rows are counted: what changes them
// changes this one, too, so that whatever is not committed yet is counted after this.
func (s *Store) repairUsage(ctx context.Context, projectID string, r faas.Resource, count counting) (changed bool,
	err error) {
	err = s.chores.do(ctx, func(t *tx) error {
		changed = false
		used, there, err := t.used(projectID, r, t.grammar.forUpdate)
		if err != nil {
			return err
		}
		var n int64
		rows := `SELECT ` + count.expression + ` FROM ` + count.table + ` WHERE project_id = ?`
		if err := t.queryRow(rows, projectID).Scan(&n); err != nil {
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
	return changed && err == nil, err
}
