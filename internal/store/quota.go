package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// QuotaStore keeps the limits of projects and counts what they use.
type QuotaStore struct{ *core }

// Quotas returns the limits that are a project's own; what it has none of is the configuration's to
// say.
func (s *QuotaStore) Quotas(ctx context.Context, projectID string) (faas.Amounts, error) {
	return s.amounts(ctx, `SELECT resource, hard_limit FROM quotas WHERE project_id = ?`, projectID)
}

// QuotaUsage returns what a project has of the resources that are counted here: those of counted.
func (s *QuotaStore) QuotaUsage(ctx context.Context, projectID string) (faas.Amounts, error) {
	return s.amounts(ctx, `SELECT resource, used FROM quota_usages WHERE project_id = ?`, projectID)
}

func (s *QuotaStore) amounts(ctx context.Context, query, projectID string) (faas.Amounts, error) {
	rows, err := s.readers.QueryContext(ctx, query, projectID)
	if err != nil {
		return nil, unavailable(err)
	}
	type amount struct {
		of faas.Resource
		n  int64
	}
	all, err := scanAll(rows, func(row scanner) (a amount, err error) { return a, row.Scan(&a.of, &a.n) })
	amounts := faas.Amounts{}
	for _, a := range all {
		amounts[a.of] = a.n
	}
	return amounts, err
}

// SetQuotas sets limits of a project's own; nil removes one. Limits that are not named stay.
func (s *QuotaStore) SetQuotas(ctx context.Context, projectID string, limits map[faas.Resource]*int64) error {
	return s.recorder.do(ctx, func(t *tx) error {
		for _, r := range slices.Sorted(maps.Keys(limits)) {
			if err := t.quota.set(projectID, r, limits[r]); err != nil {
				return err
			}
		}
		return nil
	})
}

// quotaUse are limits and counts of projects within a transaction.
type quotaUse struct{ *statements }

func (t quotaUse) set(projectID string, r faas.Resource, limit *int64) error {
	_, err := t.exec(`DELETE FROM quotas WHERE project_id = ? AND resource = ?`, projectID, string(r))
	if err != nil || limit == nil {
		return err
	}
	_, err = t.exec(`INSERT INTO quotas (project_id, resource, hard_limit) VALUES (?, ?, ?)`, projectID, string(r),
		*limit)
	if t.dialect.fault(err) == duplicate { // another process has set it meanwhile: the last one counts
		_, err = t.exec(`UPDATE quotas SET hard_limit = ? WHERE project_id = ? AND resource = ?`, *limit, projectID,
			string(r))
	}
	return err
}

// DeleteQuotas takes away all limits that are a project's own.
func (s *QuotaStore) DeleteQuotas(ctx context.Context, projectID string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		_, err := t.exec(`DELETE FROM quotas WHERE project_id = ?`, projectID)
		return err
	})
}

// use counts n more of a resource for a project, or fewer when n is negative. The condition that
// more must fit is in the statement that counts, whose row is locked till the commit: whoever comes
// at the same time sees what was counted, on this server or, by certification, on another of its
// cluster. The error is of the kind faas.OverQuota.
func (t quotaUse) use(projectID string, r faas.Resource, n int64, quota faas.Amounts) error {
	switch {
	case n == 0:
		return nil
	case n < 0: // what was never counted is not given back; RepairUsage counts anew
		_, err := t.exec(
			`UPDATE quota_usages SET used = used - ? WHERE project_id = ? AND resource = ? AND used >= ?`,
			-n,
			projectID,
			string(r),
			-n,
		)
		return err
	}
	limit := quota.Limit(r)
	if done, err := t.add(projectID, r, n, limit); done || err != nil {
		return err
	}
	return t.addAgain(projectID, r, n, limit)
}

// addAgain counts what add has not counted: there is no room, or there was no row, which another
// process may have made since. The read locks the row, so that what it says holds.
func (t quotaUse) addAgain(projectID string, r faas.Resource, n, limit int64) error {
	used, there, err := t.used(projectID, r)
	if err != nil {
		return err
	}
	if there && limit != faas.Unlimited && used+n > limit {
		return faas.Over(r, limit, used, n)
	}
	if !there {
		_, err := t.exec(`INSERT INTO quota_usages (project_id, resource, used) VALUES (?, ?, 0)`, projectID, string(r))
		if err != nil && t.dialect.fault(err) != duplicate { // another process was first
			return err
		}
	}
	if done, err := t.add(projectID, r, n, limit); done || err != nil {
		return err
	}
	if used, _, err = t.used(projectID, r); err != nil {
		return err
	}
	return faas.Over(r, limit, used, n)
}

func (t quotaUse) add(projectID string, r faas.Resource, n, limit int64) (bool, error) {
	if limit == faas.Unlimited {
		changed, err := t.exec(`UPDATE quota_usages SET used = used + ? WHERE project_id = ? AND resource = ?`, n,
			projectID, string(r))
		return changed > 0, err
	}
	changed, err := t.exec(
		`UPDATE quota_usages SET used = used + ? WHERE project_id = ? AND resource = ? AND used + ? <= ?`,
		n,
		projectID,
		string(r),
		n,
		limit,
	)
	return changed > 0, err
}

// used reads a count and locks it.
func (t quotaUse) used(projectID string, r faas.Resource) (used int64, there bool, err error) {
	query := `SELECT used FROM quota_usages WHERE project_id = ? AND resource = ?` + t.grammar.forUpdate
	err = t.queryRow(query, projectID, string(r)).Scan(&used)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return used, err == nil, err
}

// useFor counts a function that comes, or one that goes when sign is -1.
func (t quotaUse) useFor(f faas.Function, sign int64, quota faas.Amounts) error {
	if err := t.use(f.ProjectID, faas.ResourceFunctions, sign, quota); err != nil {
		return err
	}
	return t.use(f.ProjectID, faas.ResourcePackages, sign*f.Code.Size, quota)
}
