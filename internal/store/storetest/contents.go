package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// contents has long texts come back whole wherever one execution is asked for, be counted, and go
// with their execution.
func contents(t *testing.T, f *fixture) {
	ctx := t.Context()
	const bound = 4096
	texts := map[string]string{
		"a": "short", "b": strings.Repeat("b", bound), "c": strings.Repeat("c", bound+1),
		"d": strings.Repeat("\u00e4\U0001F34E'\\", 20_000),
	}
	total := int64(0)
	var ids []string
	for in, input := range texts {
		for out, result := range texts {
			x := execution("ours", "f")
			x.Input = input
			must(t, f.Enqueue(ctx, x))
			claimed, _, err := f.Claim(ctx, x.ID, "engine", time.Minute)
			if err != nil || claimed.Input != input || claimed.InputCut != 0 {
				t.Fatalf("%s: claimed with an input of %d bytes of %d, %v", in, len(claimed.Input), len(input), err)
			}
			log := result + "\n"
			must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: result, Log: log, ProjectID: "ours"}))
			is(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionFailed, Result: texts["d"], Log: texts["d"]}), faas.Conflict)
			comesBackWhole(t, f, x.ID, input, result, log)

			joined := execution("ours", "f")
			joined.Input, joined.Lease = input, time.Minute
			must(t, f.Start(ctx, joined))
			must(t, f.Finish(ctx, joined.ID, store.Ending{Status: faas.ExecutionSuccess, Result: result, Log: log, ProjectID: "ours"}))
			comesBackWhole(t, f, joined.ID, input, result, log)
			ids = append(ids, x.ID, joined.ID)
			total += 2 * int64(recordOverhead+len(input)+len(result)+len(log))
			if out == "a" {
				total += cancelledWhole(t, f, input)
			}
		}
	}
	usage, err := f.RecordUsage(ctx, "ours")
	if err != nil || usage[faas.ResourceRecords] != total {
		t.Errorf("%d bytes are counted, want %d, %v", usage[faas.ResourceRecords], total, err)
	}
	again := f.reopen()
	if n, err := again.RepairRecordUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were corrected, %v", n, err)
	}
	is(t, again.DeleteExecution(ctx, theirs, ids[0]), faas.NotFound)
	must(t, again.DeleteExecution(ctx, ours, ids[0]))
	f.pass(time.Hour)
	if _, err := again.PurgeExecutions(ctx, f.now(), 1000); err != nil {
		t.Error(err)
	}
	if n, err := again.Contents(ctx); err != nil || n != 0 {
		t.Errorf("%d texts are left of executions that are gone, %v", n, err)
	}
	usage, err = again.RecordUsage(ctx, "ours")
	if err != nil || usage[faas.ResourceRecords] != 0 {
		t.Errorf("%d bytes are counted of nothing, %v", usage[faas.ResourceRecords], err)
	}
}

func comesBackWhole(t *testing.T, f *fixture, id, input, result, log string) {
	t.Helper()
	got, err := f.Execution(t.Context(), ours, id)
	if err != nil || got.Input != input || got.Result != result || got.InputCut != 0 || got.ResultCut != 0 {
		t.Errorf("an input of %d bytes and a result of %d came back as %d and %d, %v", len(input), len(result),
			len(got.Input), len(got.Result), err)
	}
	if text, err := f.ExecutionLog(t.Context(), ours, id); err != nil || text != log {
		t.Errorf("a log of %d bytes came back as %d, %v", len(log), len(text), err)
	}
	if _, err := f.ExecutionLog(t.Context(), theirs, id); faas.KindOf(err) != faas.NotFound {
		t.Errorf("another project reads a log: %v", err)
	}
}

// cancelledWhole cancels an execution that runs and has its owner keep a log. It returns what the
// record takes.
func cancelledWhole(t *testing.T, f *fixture, input string) int64 {
	t.Helper()
	ctx := t.Context()
	x := execution("ours", "f")
	x.Input = input
	must(t, f.Enqueue(ctx, x))
	_, _, err := f.Claim(ctx, x.ID, "engine", time.Minute)
	must(t, err)
	ended, err := f.Cancel(ctx, ours, x.ID, store.Cancellation{Output: "enough"})
	if err != nil || ended.Input != input {
		t.Errorf("cancelled with an input of %d bytes of %d, %v", len(ended.Input), len(input), err)
	}
	for range 2 { // the second is not kept
		kept, err := f.EndedBefore(ctx, x.ID, "engine", input)
		if err != nil || kept.Input != input {
			t.Errorf("ended before with an input of %d bytes of %d, %v", len(kept.Input), len(input), err)
		}
	}
	comesBackWhole(t, f, x.ID, input, ended.Result, input)
	return int64(recordOverhead + 2*len(input) + len(ended.Result))
}
