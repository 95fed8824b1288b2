package engine

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
)

// TestTellsOthersOfExecutions has one that runs, one that fails and one whose engine died.
func TestTellsOthersOfExecutions(t *testing.T) {
	type heard struct {
		Timestamp string `json:"timestamp"`
		EventType string `json:"event_type"`
		Payload   struct {
			ExecutionID string  `json:"execution_id"`
			Status      string  `json:"status"`
			MemorySize  int64   `json:"memory_size"`
			Duration    float64 `json:"duration"`
			GBSeconds   float64 `json:"gb_seconds"`
			Sync        bool    `json:"sync"`
		} `json:"payload"`
	}
	var mu sync.Mutex
	told := map[string][]heard{} // by execution
	carry := func(_ context.Context, messages []notify.Message) error {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range messages {
			var outer map[string]string
			var h heard
			if err := json.Unmarshal(m.Body, &outer); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(outer["oslo.message"]), &h); err != nil {
				return err
			}
			told[h.Payload.ExecutionID] = append(told[h.Payload.ExecutionID], h)
		}
		return nil
	}
	r := newRig(t, nil)
	r.with(func(c *Config) {
		c.Notify = &notify.Notifier{Publisher: "faas-engine.test", Starts: true}
		c.Publisher = notify.NewPublisher(notify.PublisherConfig{Outbox: r.store.Outbox, Carry: carry})
	})
	f := r.function(
		"import time\ndef main(**kwargs):\n    time.sleep(0.05)\n    if kwargs.get('wrong'): raise ValueError\n",
	)
	lost := r.record(f, "")
	if _, won, err := r.store.Claim(t.Context(), lost, "a dead engine", 200*time.Millisecond); err != nil || !won {
		t.Fatal(won, err)
	}
	r.run()
	good, bad := r.enqueue(f, ""), r.enqueue(f, `{"wrong": true}`)
	all := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(told[good]) == 2 && len(told[bad]) == 2 && len(told[lost]) == 1
	}
	r.await("all is told", all)
	r.stop()
	for id, want := range map[string][]string{
		good: {notify.ExecutionStart, notify.ExecutionEnd, string(faas.ExecutionSuccess)},
		bad:  {notify.ExecutionStart, notify.ExecutionEnd, string(faas.ExecutionFailed)},
		lost: {notify.ExecutionError, string(faas.ExecutionError)},
	} {
		var got []string
		slices.SortFunc(told[id], func(a, b heard) int { return strings.Compare(a.Timestamp, b.Timestamp) })
		for _, h := range told[id] {
			got = append(got, h.EventType)
			if h.Payload.MemorySize != f.MemorySize || h.Payload.Sync {
				t.Errorf("got %+v", h)
			}
		}
		last := told[id][len(told[id])-1].Payload
		if got = append(got, last.Status); !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
		if ran := id != lost; ran != (last.Duration >= 0.05) || ran != (last.GBSeconds > 0) {
			t.Errorf("%s took %v s, %v GB-s", id, last.Duration, last.GBSeconds)
		}
	}
}
