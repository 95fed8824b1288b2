// Package tracing has the service tell an OpenTelemetry collector what a call's time goes into: one
// trace from the client's request through API, broker, engine and worker to the function.
//
// It is off unless Setup is called with an endpoint. Then nothing is made, carried or allocated:
// each of the functions here looks at one pointer and returns. docs/admin/tracing.md has the spans.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Header is the name of what carries a trace between processes (W3C Trace Context).
const Header = "traceparent"

// Config says what is traced and where to.
type Config struct {
	Endpoint string  // URL of a collector's OTLP over HTTP; "" is off
	Ratio    float64 // the part of the traces that begin here which are kept
	Clients  bool    // a client that brings a trace says whether it is kept; else it is one like all others
	Service  string  // the program
	Instance string  // the process among its peers
}

// active is what traces while tracing is on.
type active struct {
	trace.Tracer
	clients bool
}

var current atomic.Pointer[active]

var wire propagation.TraceContext

// exportTimeout bounds how long one attempt to bring spans to the collector may take.
const exportTimeout = 10 * time.Second

// Setup has the process trace until stop is called, which sends what is left. Without an endpoint
// it does nothing. A collector that is away costs spans and nothing else.
func Setup(ctx context.Context, cfg Config, log *slog.Logger) (stop func(context.Context) error, err error) {
	if cfg.Endpoint == "" {
		return func(context.Context) error { return nil }, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("spans could not be brought to the collector of traces", "error", err)
	}))
	to, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(cfg.Endpoint), otlptracehttp.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("[tracing] otlp_endpoint: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(to), sdk.WithSampler(sdk.ParentBased(byLink{sdk.TraceIDRatioBased(cfg.Ratio)})),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cfg.Service), attribute.String("service.instance.id", cfg.Instance),
		)),
	)
	mine := &active{Tracer: provider.Tracer("github.com/openstack-faas/faas"), clients: cfg.Clients}
	current.Store(mine)
	return func(ctx context.Context) error {
		current.CompareAndSwap(mine, nil)
		return provider.Shutdown(ctx)
	}, nil
}

// byLink keeps a trace that begins here if one is kept that it is linked to, so that an
// asynchronous execution is traced as the request that asked for it; the other traces by a ratio.
type byLink struct{ sdk.Sampler }

// ShouldSample implements sdk.Sampler.
func (s byLink) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	for _, l := range p.Links {
		if l.SpanContext.IsSampled() {
			return sdk.AlwaysSample().ShouldSample(p)
		}
	}
	if len(p.Links) > 0 {
		return sdk.NeverSample().ShouldSample(p)
	}
	return s.Sampler.ShouldSample(p)
}

// Span is a part of a trace, or nothing: the zero value has all methods and does nothing.
type Span struct{ of trace.Span }

// On reports whether the process traces.
func On() bool { return current.Load() != nil }

// Start begins a span within that of ctx.
func Start(ctx context.Context, name string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindInternal)
}

// StartClient begins the span of something that another process is asked for.
func StartClient(ctx context.Context, name string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindClient)
}

// StartServer begins the span of something that this process was asked for by another.
func StartServer(ctx context.Context, name string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindServer)
}

// StartProducer begins the span of a message's way into a queue.
func StartProducer(ctx context.Context, name string) (context.Context, Span) {
	return start(ctx, name, trace.SpanKindProducer)
}

func start(
	ctx context.Context, name string, kind trace.SpanKind, options ...trace.SpanStartOption,
) (context.Context, Span) {
	t := current.Load()
	if t == nil {
		return ctx, Span{}
	}
	ctx, s := t.Start(ctx, name, append(options, trace.WithSpanKind(kind))...)
	return ctx, Span{s}
}

// StartLinked begins a trace of its own for what a message has caused, linked to the trace that the
// message came with.
func StartLinked(ctx context.Context, name string) (context.Context, Span) {
	if current.Load() == nil {
		return ctx, Span{}
	}
	options := []trace.SpanStartOption{trace.WithNewRoot()}
	if from := trace.SpanContextFromContext(ctx); from.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: from}))
	}
	return start(ctx, name, trace.SpanKindConsumer, options...)
}

// StartRequest begins the span of a client's request, which may bring a trace. Its name is set when
// its route is known.
func StartRequest(r *http.Request) (context.Context, Span) {
	t := current.Load()
	if t == nil {
		return r.Context(), Span{}
	}
	ctx := wire.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	if t.clients {
		return start(ctx, r.Method, trace.SpanKindServer)
	}
	options := []trace.SpanStartOption{trace.WithNewRoot()}
	return start(ctx, r.Method, trace.SpanKindServer, options...)
}

// Carried returns the value of Header for whoever is asked next; "" when nothing is traced.
func Carried(ctx context.Context) string {
	if current.Load() == nil || !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	header := propagation.MapCarrier{}
	wire.Inject(ctx, header)
	return header[Header]
}

// With returns a context in which spans are within that of a value of Header; "" is none.
func With(ctx context.Context, carried string) context.Context {
	if carried == "" || current.Load() == nil {
		return ctx
	}
	return wire.Extract(ctx, propagation.MapCarrier{Header: carried})
}

// Within returns a context with the span of another.
func Within(ctx, of context.Context) context.Context {
	if current.Load() == nil || of == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(of))
}

// Past adds a span that has begun and ended already.
func Past(ctx context.Context, name string, begun, ended time.Time) {
	if current.Load() == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, s := start(ctx, name, trace.SpanKindInternal, trace.WithTimestamp(begun))
	s.of.End(trace.WithTimestamp(ended))
}

// Recorded reports whether what is set here is kept.
func (s Span) Recorded() bool { return s.of != nil && s.of.IsRecording() }

// Name replaces the name of the span.
func (s Span) Name(name string) {
	if s.of != nil {
		s.of.SetName(name)
	}
}

// Set adds a text, unless it is empty.
func (s Span) Set(key, value string) {
	if value != "" && s.Recorded() {
		s.of.SetAttributes(attribute.String(key, value))
	}
}

// SetInt adds a number.
func (s Span) SetInt(key string, value int) {
	if s.Recorded() {
		s.of.SetAttributes(attribute.Int(key, value))
	}
}

// End ends the span. An error is what has become of it.
func (s Span) End(err error) {
	if s.of == nil {
		return
	}
	if err != nil && s.of.IsRecording() {
		s.of.SetStatus(codes.Error, err.Error())
	}
	s.of.End()
}
