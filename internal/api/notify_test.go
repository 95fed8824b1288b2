package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
)

// told is what other services hear.
type told struct {
	mu     sync.Mutex
	events []toldEvent
}

type toldEvent struct {
	EventType string         `json:"event_type"`
	Timestamp string         `json:"timestamp"`
	RequestID string         `json:"_context_request_id"`
	Payload   map[string]any `json:"payload"`
}

func (t *told) carry(_ context.Context, messages []notify.Message) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range messages {
		var outer map[string]string
		var e toldEvent
		if err := json.Unmarshal(m.Body, &outer); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(outer["oslo.message"]), &e); err != nil {
			return err
		}
		t.events = append(t.events, e)
	}
	return nil
}

// kinds publishes what the service has kept and returns what was told, in the order in which it
// happened.
func (t *told) kinds(s *service) (kinds []string, events []toldEvent) {
	s.t.Helper()
	notify.NewPublisher(notify.PublisherConfig{Outbox: s.store.Outbox, Carry: t.carry}).Publish(s.t.Context())
	slices.SortStableFunc(t.events, func(a, b toldEvent) int { return strings.Compare(a.Timestamp, b.Timestamp) })
	for _, e := range t.events {
		kinds = append(kinds, e.EventType)
	}
	return kinds, t.events
}

func TestOthersAreTold(t *testing.T) {
	var heard told
	s := newService(t, func(c *Config) { c.Notify = &notify.Notifier{Publisher: "faas-api.test", Starts: true} })
	made := s.newFunction(s.newRuntime(), "resize")
	s.do("PUT", "/v1/functions/"+made.ID, `{"memory_size": 268435456}`, 200)
	s.do("PUT", "/v1/functions/"+made.ID, `{"cpu": -1}`, 400) // what fails is not told
	created := s.do("POST", "/v1/executions", `{"function_id": "`+made.ID+`", "input": "{\"a\": 1}"}`, 201)
	s.answer(func(ctx context.Context, _ faas.Target, _ faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		if err := begin(ctx); err != nil {
			return faas.Outcome{}, err
		}
		return faas.Outcome{}, faas.Errorf(faas.Internal, "lost")
	})
	s.do("POST", "/v1/executions", `{"function_id": "`+made.ID+`"}`, 201)
	s.answer(func(context.Context, faas.Target, faas.Call, dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{}, faas.Errorf(faas.Busy, "no room")
	})
	s.do("POST", "/v1/executions", `{"function_id": "`+made.ID+`"}`, 429) // nothing began
	s.do("DELETE", "/v1/functions/"+made.ID, "", 204)

	kinds, events := heard.kinds(s)
	want := []string{
		notify.FunctionCreate, notify.FunctionUpdate, notify.ExecutionStart, notify.ExecutionEnd, notify.ExecutionStart, notify.ExecutionError, notify.FunctionDelete,
	}
	if len(kinds) != len(want) {
		t.Fatalf("told %v, want %v", kinds, want)
	}
	for i, e := range events {
		if kinds[i] != want[i] || e.Payload["function_id"] != made.ID || e.Payload["project_id"] != project ||
			e.Payload["user_id"] != "u" {
			t.Errorf("%d: %s %v, want %s", i, kinds[i], e.Payload, want[i])
		}
	}
	end := events[3]
	if end.RequestID != created.header.Get("X-Openstack-Request-Id") || end.Payload["duration"] != 0.0015 ||
		end.Payload["gb_seconds"] != 0.000375 ||
		end.Payload["status"] != "success" {
		t.Errorf("got %+v", end)
	}
}
