package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestMetered sends one message of each kind and reads the counts. Shards and lanes share a series.
func TestMetered(t *testing.T) {
	registry := prometheus.NewRegistry()
	b := Metered(NewInProcess(), registry)
	t.Cleanup(func() { _ = b.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for shard := range 2 {
		_, err := b.Serve(t.Context(), fmt.Sprint("m.", shard), 1, func(context.Context, json.RawMessage) (any, error) {
			return nil, faas.Errorf(faas.Busy, "no")
		})
		must(err)
		if err := b.Call(t.Context(), fmt.Sprint("m.", shard), 1, nil); faas.KindOf(err) != faas.Busy {
			t.Error(err)
		}
	}
	handled := make(chan string)
	_, err := b.Consume(t.Context(), "q.7", 1, func(_ context.Context, body []byte) error {
		handled <- string(body)
		return nil
	})
	must(err)
	must(b.Enqueue(t.Context(), "q.7", []byte("one")))
	<-handled
	must(b.Broadcast(t.Context(), "topic", nil))
	must(b.Close()) // waits for the handler
	families, err := registry.Gather()
	must(err)
	got := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetHistogram().GetSampleCount() + uint64(m.GetCounter().GetValue())
		}
	}
	for name, want := range map[string]uint64{
		"faas_broker_request_seconds m busy": 2, "faas_broker_messages_sent_total ok q": 1,
		"faas_broker_messages_sent_total ok topic": 1, "faas_broker_messages_handled_total q ok": 1,
	} {
		if got[name] != want {
			t.Errorf("%s is %d, not %d: %v", name, got[name], want, got)
		}
	}
}
