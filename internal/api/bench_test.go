package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// nowhere takes an answer and drops it.
type nowhere struct{ header http.Header }

// Header returns the header.
func (n nowhere) Header() http.Header { return n.header }

// Write drops.
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader drops.
func (n nowhere) WriteHeader(int) {}

func benchmark(b *testing.B, method, path, body string, s *service) {
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
			s.api.ServeHTTP(nowhere{http.Header{}}, r)
		}
	})
}

func quiet(c *Config) { c.Log = slog.New(slog.NewTextHandler(io.Discard, nil)) }

// What the handler itself costs: identity, policy, routing, reading, writing, log line and metrics,
// without database or worker.
func BenchmarkHandler(b *testing.B) {
	s := newService(b, quiet)
	benchmark(b, "GET", "/v1", "", s)
}

// One synchronous execution with its record committed and no worker; -cpu and b.SetParallelism make
// up the callers.
func BenchmarkSyncExecution(b *testing.B) {
	s := newService(b, quiet)
	function := s.newFunction(s.newRuntime(), "f").ID
	b.SetParallelism(10) // callers per core
	benchmark(b, "POST", "/v1/executions", `{"function_id": "`+function+`", "input": "{\"name\": \"Ada\"}"}`, s)
}

// The same as far as the record: what the API costs a call that is refused before it begins.
func BenchmarkSyncExecutionUnrecorded(b *testing.B) {
	s := newService(b, quiet)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(func(context.Context, faas.Target, faas.Call, dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{}, faas.Errorf(faas.Busy, "busy")
	})
	benchmark(b, "POST", "/v1/executions", `{"function_id": "`+function+`", "input": "{\"name\": \"Ada\"}"}`, s)
}
