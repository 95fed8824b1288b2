package quota

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// RecordUsage returns how many queued executions a project has and how many bytes the records of
// its executions take. It is called for every execution, so it usually answers from memory; see
// store.RecordUsage.
type RecordUsage func(ctx context.Context, projectID string) (faas.Amounts, error)

// CountRecords enables the limits of queued executions and of records. It must be called before the
// first call is counted.
func (c *Calls) CountRecords(used RecordUsage) { c.records = used }

// roomForRecord returns an error of kind faas.OverQuota when the project may have no more records,
// or no more queued executions where one is to be queued. Where the usage cannot be read, no record
// can be written either, and the writing will say so.
func (c *Calls) roomForRecord(ctx context.Context, limits faas.Amounts, projectID string, queues bool) error {
	if c.records == nil || limits.Limit(faas.ResourceRecords) == faas.Unlimited && (!queues ||
		limits.Limit(faas.ResourceQueued) == faas.Unlimited) {
		return nil
	}
	used, err := c.records(ctx, projectID)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if queues {
		if err := limits.Fits(faas.ResourceQueued, used[faas.ResourceQueued], 1); err != nil {
			return err
		}
	}
	return limits.Fits(faas.ResourceRecords, used[faas.ResourceRecords], 1)
}
