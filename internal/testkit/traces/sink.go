// Package traces is a collector of OpenTelemetry's traces for tests and tools: it takes OTLP over
// HTTP and keeps what comes.
package traces

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span as it came.
type Span struct {
	Trace, ID, Parent string // hexadecimal; Parent "" of one that begins a trace
	Name              string
	Service           string
	Begun, Ended      time.Time
	Links             []string // traces that it is linked to
	Attributes        map[string]string
}

// Sink takes spans in. It is safe for concurrent use; the zero value is ready.
type Sink struct {
	mu    sync.Mutex
	spans []Span
}

// ServeHTTP takes a request of OTLP over HTTP.
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	raw, err := io.ReadAll(body)
	var request collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range request.ResourceSpans {
		service := attributes(of.Resource.GetAttributes())["service.name"]
		for _, scope := range of.ScopeSpans {
			for _, one := range scope.Spans {
				s.spans = append(s.spans, spanOf(one, service))
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
}

func spanOf(s *trace.Span, service string) Span {
	one := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Service: service, Attributes: attributes(s.Attributes),
		Begun: time.Unix(0, int64(s.StartTimeUnixNano)), Ended: time.Unix(0, int64(s.EndTimeUnixNano)),
	}
	for _, l := range s.Links {
		one.Links = append(one.Links, hex.EncodeToString(l.TraceId))
	}
	return one
}

func attributes(of []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range of {
		if text := a.Value.GetStringValue(); text != "" {
			all[a.Key] = text
		}
	}
	return all
}

// Of returns the spans of a trace, in the order in which they began.
func (s *Sink) Of(id string) []Span {
	return s.spansThat(func(one Span) bool { return one.Trace == id })
}

// Named returns the spans of a name, of all traces.
func (s *Sink) Named(name string) []Span {
	return s.spansThat(func(one Span) bool { return one.Name == name })
}

// Linked returns the spans of the traces that are linked to it.
func (s *Sink) Linked(id string) []Span {
	var roots []string
	for _, one := range s.spansThat(func(one Span) bool { return slices.Contains(one.Links, id) }) {
		roots = append(roots, one.Trace)
	}
	return s.spansThat(func(one Span) bool { return slices.Contains(roots, one.Trace) })
}

// Forget forgets what has come.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = nil
}

func (s *Sink) spansThat(want func(Span) bool) []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Span
	for _, one := range s.spans {
		if want(one) {
			found = append(found, one)
		}
	}
	slices.SortStableFunc(found, func(a, b Span) int { return a.Begun.Compare(b.Begun) })
	return found
}

// Tree returns the spans as a tree, a name a line, each two spaces further in than its parent.
func Tree(spans []Span) string {
	var text strings.Builder
	for _, r := range InTree(spans) {
		text.WriteString(strings.Repeat("  ", r.Depth) + r.Name + "\n")
	}
	return text.String()
}
