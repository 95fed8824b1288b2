package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(stopping{m}) }

var now = time.Date(2026, 11, 25, 1, 2, 3, 456789000, time.UTC)

func function() faas.Function {
	return faas.Function{
		ID: "f-1", ProjectID: "p-1", Name: "resize", RuntimeID: "r-1", Code: faas.Code{Source: faas.SourcePackage, Size: 1234}, CPU: 200,
		MemorySize: 256 << 20, Timeout: 5 * time.Second, CreatedAt: now.Add(-time.Hour),
	}
}

func execution(status faas.ExecutionStatus) faas.Execution {
	return faas.Execution{
		ID: "x-1", ProjectID: "p-1", UserID: "u-1", RequestID: "req-1", FunctionID: "f-1", Sync: true, Status: status, Input: `{"a": "THE-INPUT"}`,
		Result: `{"output": "THE-RESULT"}`, Log: "THE-LOG", CreatedAt: now.Add(-2 * time.Second), StartedAt: now.Add(-time.Second), EndedAt: now,
	}
}

// carrier is a post office that a test opens and closes.
type carrier struct {
	mu      sync.Mutex
	closed  bool
	tries   int
	carried []Message
	heard   chan struct{}
}

func newCarrier(closed bool) *carrier { return &carrier{closed: closed, heard: make(chan struct{}, 1)} }

func (c *carrier) carry(_ context.Context, messages []Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		select {
		case c.heard <- struct{}{}:
		default:
		}
	}()
	c.tries++
	if c.closed {
		return errors.New("closed")
	}
	c.carried = append(c.carried, messages...)
	return nil
}

func (c *carrier) open() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = false
}

// wait waits until the condition holds.
func (c *carrier) wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(hangTimeout)
	for {
		c.mu.Lock()
		done := holds()
		c.mu.Unlock()
		if done {
			return
		}
		select {
		case <-c.heard:
		case <-deadline:
			t.Fatalf("%s: not in time", what)
		}
	}
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

func TestEnvelopeAndPayload(t *testing.T) {
	c := newCarrier(false)
	n := New(Config{Publisher: "faas-api.host", Carry: c.carry, Now: func() time.Time { return now }})
	n.Function(FunctionCreate, "u-1", "req-1", function())
	n.Function(FunctionDelete, "u-1", "req-2", function())
	started := execution(faas.ExecutionRunning)
	started.EndedAt = time.Time{}
	n.Started(function(), started)
	n.Ended(function(), execution(faas.ExecutionSuccess), 1500*time.Millisecond)
	n.Ended(function(), execution(faas.ExecutionFailed), 2*time.Second)
	n.Ended(faas.Function{}, execution(faas.ExecutionError), 0)
	n.Close()
	var kinds, priorities []string
	ids := map[any]bool{}
	for _, m := range c.carried {
		if strings.Contains(string(m.Body), "THE-") {
			t.Errorf("input, result or log is told: %s", m.Body)
		}
		got := opened(t, m.Body)
		kinds, priorities = append(kinds, got["event_type"].(string)), append(priorities, m.Priority+"/"+got["priority"].(string))
		ids[got["message_id"]], ids[got["_unique_id"]] = true, true
		if got["publisher_id"] != "faas-api.host" || got["timestamp"] != "2026-11-25 01:02:03.456789" || got["_context_project_id"] != "p-1" || got["_context_user_id"] != "u-1" {
			t.Errorf("got %v", got)
		}
	}
	if want := "function.create function.delete execution.start execution.end execution.end execution.error"; strings.Join(kinds, " ") != want {
		t.Fatalf("got %v", kinds)
	}
	if want := "info/INFO info/INFO info/INFO info/INFO info/INFO error/ERROR"; strings.Join(priorities, " ") != want {
		t.Errorf("got %v", priorities)
	}
	if len(ids) != 2*len(c.carried) {
		t.Errorf("ids are not each message's own: %v", ids)
	}
	for i, want := range []map[string]any{
		{"function_id": "f-1", "name": "resize", "memory_size": 268435456.0, "cpu": 200.0, "timeout": 5.0, "package_size": 1234.0, "created_at": "2026-11-25T00:02:03.456789Z", "deleted_at": nil, "updated_at": nil, "code_source": "package"},
		{"function_id": "f-1", "deleted_at": "2026-11-25T01:02:03.456789Z"},
		{"execution_id": "x-1", "status": "running", "duration": nil, "gb_seconds": nil, "started_at": "2026-11-25T01:02:02.456789Z", "ended_at": nil, "sync": true},
		{"execution_id": "x-1", "function_id": "f-1", "function_name": "resize", "status": "success", "duration": 1.5, "gb_seconds": 0.375, "memory_size": 268435456.0, "project_id": "p-1", "user_id": "u-1", "request_id": "req-1"},
		{"status": "failed", "duration": 2.0, "gb_seconds": 0.5},
		{"status": "error", "duration": 0.0, "gb_seconds": 0.0, "function_id": "f-1", "project_id": "p-1"},
	} {
		payload := opened(t, c.carried[i].Body)["payload"].(map[string]any)
		for name, value := range want {
			if payload[name] != value {
				t.Errorf("%s: %s is %v, want %v", kinds[i], name, payload[name], value)
			}
		}
	}
}

func TestWhatCannotBeDeliveredWaitsUpToABound(t *testing.T) {
	c, logs, registry := newCarrier(true), &safeLog{}, prometheus.NewRegistry()
	n := New(Config{Publisher: "p", Carry: c.carry, Size: 150, Pause: time.Millisecond, Log: slog.New(slog.NewTextHandler(logs, nil))})
	defer n.Close()
	n.Register(registry)
	n.Function(FunctionCreate, "u", "r", function())
	c.wait(t, "the first failures", func() bool { return c.tries > 2 }) // one batch, of one, is under way for good
	for range 200 {
		n.Function(FunctionUpdate, "u", "r", function())
	}
	if got := counted(t, registry, "dropped"); got != 50 {
		t.Errorf("%v were dropped, want 50", got)
	}
	c.open()
	c.wait(t, "what waited", func() bool { return len(c.carried) == 151 })
	first, second := opened(t, c.carried[0].Body), opened(t, c.carried[1].Body)
	if first["event_type"] != FunctionCreate || second["event_type"] != FunctionUpdate {
		t.Errorf("the order is %v, %v", first["event_type"], second["event_type"])
	}
	n.Close()
	if got := counted(t, registry, "sent"); got != 151 {
		t.Errorf("%v were sent, want 151", got)
	}
	if strings.Count(logs.String(), "cannot be delivered") != 1 || strings.Count(logs.String(), "dropped=50") != 1 {
		t.Errorf("the log says\n%s", logs.String())
	}
}

// A delivery that failed is repeated with the same ids, so that listeners know what they have had.
func TestTriesAgainAreTheSameMessage(t *testing.T) {
	var bodies [][]byte
	tried := make(chan struct{})
	n := New(Config{Publisher: "p", Pause: time.Millisecond, Carry: func(_ context.Context, m []Message) error {
		bodies = append(bodies, m[0].Body)
		if len(bodies) < 3 {
			return errors.New("lost before it was confirmed")
		}
		close(tried)
		return nil
	}})
	n.Function(FunctionCreate, "u", "r", function())
	<-tried
	n.Close()
	if !bytes.Equal(bodies[0], bodies[1]) || !bytes.Equal(bodies[1], bodies[2]) {
		t.Error("they differ")
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	c, logs, registry := newCarrier(true), &safeLog{}, prometheus.NewRegistry()
	n := New(Config{Publisher: "p", Carry: c.carry, Pause: time.Millisecond, Flush: 20 * time.Millisecond, Log: slog.New(slog.NewTextHandler(logs, nil))})
	n.Register(registry)
	for range 3 {
		n.Function(FunctionCreate, "u", "r", function())
	}
	n.Close()
	n.Close()
	if !strings.Contains(logs.String(), "lost=3") || counted(t, registry, "dropped") != 3 {
		t.Errorf("the log says\n%s", logs.String())
	}
}

func TestNobodyIsTold(*testing.T) {
	var n *Notifier
	n.Register(prometheus.NewRegistry())
	n.Function(FunctionCreate, "u", "r", function())
	n.Started(function(), execution(faas.ExecutionRunning))
	n.Ended(function(), execution(faas.ExecutionSuccess), 0)
	n.Close()
}

// safeLog is a log that is read while it is written.
type safeLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// counted gives how many notifications had the result.
func counted(t *testing.T, registry *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func BenchmarkTell(b *testing.B) {
	n := New(Config{Publisher: "p", Carry: func(context.Context, []Message) error { return nil }})
	f, x := function(), execution(faas.ExecutionSuccess)
	b.ReportAllocs()
	for b.Loop() {
		n.Ended(f, x, time.Second)
	}
	b.StopTimer()
	n.Close()
}
