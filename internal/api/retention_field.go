package api

import (
	"context"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
)

// retentionField returns how long records of a function's executions are to be kept, which forms
// write as the JSON text of an object; nil when it is not set. null and an empty text leave it to the
// project.
func retentionField(o *fields.Object) *faas.Retention {
	raw, ok := o.Fields["retention"]
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		raw = json.RawMessage(text)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return &faas.Retention{}
	}
	in, err := fields.ParseObject(raw, "days", "count")
	if err != nil {
		o.Refuse("retention: %s", faas.Said(err))
		return nil
	}
	r := faas.Retention{
		Days:  fields.ValueOr(in.Number("days", " days", 1, faas.MaxRetentionDays), 0),
		Count: fields.ValueOr(in.Number("count", "", 1, faas.MaxRetentionCount), 0),
	}
	if in.Wrong != nil {
		o.Refuse("retention: %s", faas.Said(in.Wrong))
	}
	return &r
}

// mayRetain refuses a retention that is above what the project's records are kept for. A limit that
// is lowered later holds all the same.
func (q projectQuota) mayRetain(ctx context.Context, projectID string, r *faas.Retention) error {
	if r == nil || *r == (faas.Retention{}) {
		return nil
	}
	limits, err := q.limits(ctx, projectID)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		field string
		of    faas.Resource
		asked int64
	}{{"days", faas.ResourceRecordDays, r.Days}, {"count", faas.ResourceRecordsKept, r.Count}} {
		if limit := limits.Limit(one.of); limit != faas.Unlimited && one.asked > limit {
			return faas.Errorf(faas.OverQuota, "Quota exceeded for %s: limit %d, retention.%s is %d.",
				one.of, limit, one.field, one.asked)
		}
	}
	return nil
}

// retentionView is a function's retention; null leaves it to the project.
type retentionView struct {
	Days  *int64 `json:"days"`
	Count *int64 `json:"count"`
}

func viewRetention(r faas.Retention) *retentionView {
	if r == (faas.Retention{}) {
		return nil
	}
	var v retentionView
	if r.Days != 0 {
		v.Days = &r.Days
	}
	if r.Count != 0 {
		v.Count = &r.Count
	}
	return &v
}
