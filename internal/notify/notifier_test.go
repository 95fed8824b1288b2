package notify

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stopping{m}) }

var now = time.Date(2026, 11, 25, 1, 2, 3, 456789000, time.UTC)

func function() faas.Function {
	return faas.Function{
		ID: "f-1", ProjectID: "p-1", Name: "resize", RuntimeID: "r-1", Code: faas.Code{
			Source: faas.SourcePackage, Size: 1234,
		}, CPU: 200,
		MemorySize: 256 << 20, Timeout: 5 * time.Second, CreatedAt: now.Add(-time.Hour),
	}
}

func execution(status faas.ExecutionStatus) faas.Execution {
	return faas.Execution{
		ID: "x-1", ProjectID: "p-1", UserID: "u-1", RequestID: "req-1", FunctionID: "f-1", Sync: true, Status: status,
		Input:  `{"a": "THE-INPUT"}`,
		Result: `{"output": "THE-RESULT"}`, Log: "THE-LOG", CreatedAt: now.Add(
			-2 * time.Second,
		), StartedAt: now.Add(-time.Second), EndedAt: now,
	}
}

func executionOf(id string, status faas.ExecutionStatus) faas.Execution {
	x := execution(status)
	x.ID = id
	return x
}

// opened reads a message as a listener of oslo.messaging does.
func opened(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var outer map[string]string
	if err := json.Unmarshal(body, &outer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if len(outer) != 2 || outer["oslo.version"] != "2.0" {
		t.Errorf("the envelope is %s", body)
	}
	var inner map[string]any
	if err := json.Unmarshal([]byte(outer["oslo.message"]), &inner); err != nil {
		t.Fatal(err)
	}
	return inner
}

// asMessages returns the notifications of the events.
func asMessages(t *testing.T, events []store.Event) (messages []Message) {
	t.Helper()
	for _, e := range events {
		m, _, err := messageOf(e)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

func TestEnvelopeAndPayload(t *testing.T) {
	n := &Notifier{Publisher: "faas-api.host", Starts: true, Now: func() time.Time { return now }}
	started := execution(faas.ExecutionRunning)
	started.EndedAt = time.Time{}
	messages := asMessages(t, slices.Concat(
		n.Function(FunctionCreate, "u-1", "req-1", function()),
		n.Function(FunctionDelete, "u-1", "req-2", function()), n.Started(function(), started),
		n.Ended(function(), executionOf("x-2", faas.ExecutionSuccess), 1500*time.Millisecond),
		n.Ended(function(), executionOf("x-3", faas.ExecutionFailed), 2*time.Second),
		n.Ended(faas.Function{}, executionOf("x-4", faas.ExecutionError), 0),
	))
	var kinds, priorities []string
	ids := map[any]bool{}
	for _, m := range messages {
		if strings.Contains(string(m.Body), "THE-") {
			t.Errorf("input, result or log is told: %s", m.Body)
		}
		got := opened(t, m.Body)
		kinds, priorities = append(
			kinds, got["event_type"].(string),
		), append(
			priorities, m.Priority+"/"+got["priority"].(string),
		)
		ids[got["message_id"]], ids[got["_unique_id"]] = true, true
		if got["publisher_id"] != "faas-api.host" || got["timestamp"] != "2026-11-25 01:02:03.456789" ||
			got["_context_project_id"] != "p-1" ||
			got["_context_user_id"] != "u-1" {
			t.Errorf("got %v", got)
		}
	}
	if want := "function.create function.delete execution.start execution.end execution.end execution.error"; strings.Join(
		kinds, " ",
	) != want {
		t.Fatalf("got %v", kinds)
	}
	if want := "info/INFO info/INFO info/INFO info/INFO info/INFO error/ERROR"; strings.Join(priorities, " ") != want {
		t.Errorf("got %v", priorities)
	}
	if len(ids) != 2*len(messages) {
		t.Errorf("ids are not each message's own: %v", ids)
	}
	for i, want := range []map[string]any{
		{
			"function_id": "f-1", "name": "resize", "memory_size": 268435456.0, "cpu": 200.0, "timeout": 5.0,
			"package_size": 1234.0, "created_at": "2026-11-25T00:02:03.456789Z", "deleted_at": nil, "updated_at": nil,
			"code_source": "package",
		},
		{"function_id": "f-1", "deleted_at": "2026-11-25T01:02:03.456789Z"},
		{
			"execution_id": "x-1", "status": "running", "duration": nil, "gb_seconds": nil,
			"started_at": "2026-11-25T01:02:02.456789Z", "ended_at": nil, "sync": true,
		},
		{
			"execution_id": "x-2", "function_id": "f-1", "function_name": "resize", "status": "success", "duration": 1.5,
			"gb_seconds": 0.375, "memory_size": 268435456.0, "project_id": "p-1", "user_id": "u-1", "request_id": "req-1",
		},
		{"status": "failed", "duration": 2.0, "gb_seconds": 0.5},
		{"status": "error", "duration": 0.0, "gb_seconds": 0.0, "function_id": "f-1", "project_id": "p-1"},
	} {
		payload := opened(t, messages[i].Body)["payload"].(map[string]any)
		for name, value := range want {
			if payload[name] != value {
				t.Errorf("%s: %s is %v, want %v", kinds[i], name, payload[name], value)
			}
		}
	}
}

func TestNobodyIsTold(t *testing.T) {
	var n *Notifier
	f, x := function(), execution(faas.ExecutionSuccess)
	if events := slices.Concat(n.Function(FunctionCreate, "u", "r", f), n.Started(f, x), n.Ended(f, x, 0)); events != nil {
		t.Errorf("there are %v", events)
	}
}

// TestBeginningsAreNotTold checks that no notification is sent when an execution begins, unless the
// operator asks for them.
func TestBeginningsAreNotTold(t *testing.T) {
	n := &Notifier{Publisher: "p"}
	if events := n.Started(function(), execution(faas.ExecutionRunning)); events != nil {
		t.Errorf("there are %v", events)
	}
}

// TestEndsAreKnownByTheirExecution has the message of an end the execution's id, wherever and
// however often it is made.
func TestEndsAreKnownByTheirExecution(t *testing.T) {
	n := &Notifier{Publisher: "p", Starts: true}
	x := execution(faas.ExecutionSuccess)
	if events := n.Ended(function(), x, time.Second); len(events) != 1 || events[0].ID != x.ID {
		t.Errorf("the end of %s is %v", x.ID, events)
	}
	if events := n.Started(function(), x); len(events) != 1 || events[0].ID == x.ID {
		t.Errorf("the beginning of %s is %v", x.ID, events)
	}
}

func BenchmarkEnded(b *testing.B) {
	n := &Notifier{Publisher: "faas-api.host"}
	f, x := function(), execution(faas.ExecutionSuccess)
	b.ReportAllocs()
	for b.Loop() {
		n.Ended(f, x, time.Second)
	}
}
