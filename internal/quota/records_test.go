package quota

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestRecordsAreBounded refuses what a project has no room to record.
func TestRecordsAreBounded(t *testing.T) {
	used := faas.Amounts{}
	var asked int
	var failure error
	with := func(limits faas.Amounts) *Calls {
		c := NewCalls(
			New(Config{Driver: settable{Unified{Ask: (&kept{}).Ask}}, Defaults: limits, CacheTime: time.Hour}),
			64, nil,
		)
		c.CountRecords(func(context.Context, string) (faas.Amounts, error) { asked++; return used, failure })
		return c
	}
	refuses := func(what string, err error, words string) {
		t.Helper()
		if faas.KindOf(err) != faas.OverQuota || err.Error() != words {
			t.Errorf("%s: %v, want %q", what, err, words)
		}
	}
	ctx := t.Context()
	c := with(faas.Amounts{faas.ResourceQueued: 2, faas.ResourceRecords: 1000})
	used = faas.Amounts{faas.ResourceQueued: 1, faas.ResourceRecords: 999}
	allowed(t, "one more that is queued", c.Ask(ctx, "a"))
	_, err := c.Begin(ctx, "a")
	allowed(t, "one more that runs", err)
	used = faas.Amounts{faas.ResourceQueued: 2, faas.ResourceRecords: 999}
	refuses("a third", c.Ask(ctx, "a"), "Quota exceeded for queued_executions: limit 2, in use 2.")
	_, err = c.Begin(ctx, "a")
	allowed(t, "one that is not queued", err)
	used = faas.Amounts{faas.ResourceRecords: 1000}
	refuses("a record to be queued", c.Ask(ctx, "a"), "Quota exceeded for execution_bytes: limit 1000, in use 1000.")
	_, err = c.Begin(ctx, "a")
	refuses("a record of a call", err, "Quota exceeded for execution_bytes: limit 1000, in use 1000.")
	_, err = c.Run(ctx, "a")
	allowed(t, "one that is recorded already", err)
	if use := c.Use("a"); use[faas.ResourceCalls] != 3 || use[faas.ResourceExecutions] != 3 {
		t.Errorf("what was refused is counted: %v", use)
	}
	failure = errors.New("the database is away")
	allowed(t, "when nobody knows", c.Ask(ctx, "a"))

	asked = 0
	allowed(t, "without limits", with(faas.Amounts{}).Ask(ctx, "a"))
	if asked > 0 {
		t.Error("what has no limit is not counted")
	}
}
