package storetest

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// longTexts has lists carry the beginnings of long inputs and results only, of which no more than
// that leaves the database.
func longTexts(t *testing.T, f *fixture) {
	ctx := t.Context()
	const long = 1 << 20
	for _, c := range []struct {
		input, result       string
		inputCut, resultCut int64
	}{
		{"", "{}", 0, 0},
		{strings.Repeat("i", 4096), strings.Repeat("r", 4096), 0, 0},
		{strings.Repeat("\u00e4", 2049), strings.Repeat("r", 4097), 4098, 4097}, // in bytes, not in characters
		{strings.Repeat("i", 10), strings.Repeat("\U0001F34E", long/4), 0, long},
	} {
		x := execution("ours", faas.NewID())
		x.Input, x.Lease = c.input, time.Minute
		must(t, f.Start(ctx, x))
		must(t, f.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: c.result}))
		listed, err := f.Executions(ctx, ours, faas.Query{Filters: []faas.Filter{{Field: "id", Op: "eq",
			Values: []string{x.ID}}}})
		if err != nil || len(listed.Items) != 1 {
			t.Fatalf("listed %d, %v", len(listed.Items), err)
		}
		got := listed.Items[0]
		if got.InputCut != c.inputCut || got.ResultCut != c.resultCut {
			t.Errorf("of an input of %d bytes and a result of %d are cut %d and %d", len(c.input), len(c.result),
				got.InputCut, got.ResultCut)
		}
		for what, text := range map[string]struct {
			got, whole string
			cut        bool
		}{"input": {got.Input, c.input, c.inputCut > 0}, "result": {got.Result, c.result, c.resultCut > 0}} {
			if text.cut && (len(text.got) > 256 || text.got == "" || !strings.HasPrefix(text.whole, text.got)) ||
				!text.cut && text.got != text.whole {
				t.Errorf("of the %s of %d bytes the list has %d", what, len(text.whole), len(text.got))
			}
		}
		if whole, err := f.Execution(ctx, ours, x.ID); err != nil || whole.Input != c.input ||
			whole.Result != c.result || whole.InputCut != 0 {
			t.Errorf("the execution itself is cut, %v", err)
		}
	}
	listsInLittleMemory(t, f, long)
}

// listsInLittleMemory has a list of much take little.
func listsInLittleMemory(t *testing.T, f *fixture, long int) {
	const rows = 24
	x := execution("ours", faas.NewID())
	x.Input = strings.Repeat("i", long)
	for range rows {
		x.ID = faas.NewID()
		must(t, f.Enqueue(t.Context(), x))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	listed, err := f.Executions(t.Context(), ours, faas.Query{Filters: []faas.Filter{{Field: "function_id",
		Op: "eq", Values: []string{x.FunctionID}}}})
	runtime.ReadMemStats(&after)
	if err != nil || len(listed.Items) != rows {
		t.Fatalf("listed %d, %v", len(listed.Items), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(long) {
		t.Errorf("a list of %d executions took %d KiB", rows, took>>10)
	}
}
