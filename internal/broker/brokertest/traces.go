package brokertest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/testkit/traces"
	"github.com/openstack-faas/faas/internal/tracing"
)

// traced has a trace go with requests and with messages, also those that are delivered again.
func traced(t *testing.T, b broker.Broker) {
	ctx := within(t)
	collector := httptest.NewServer(&traces.Sink{})
	defer collector.Close()
	stop, err := tracing.Setup(ctx, tracing.Config{
		Endpoint: collector.URL, Ratio: 1, Service: "test",
	}, slog.New(slog.DiscardHandler))
	must(t, err)
	defer func() { must(t, stop(context.Background())) }()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	ctx = tracing.With(ctx, "00-"+trace+"-b7ad6b7169203331-01")
	heard := make(chan string, 3)
	hear := func(ctx context.Context) {
		_, span := tracing.Start(ctx, "a handler")
		defer span.End(nil)
		heard <- tracing.Carried(ctx)
	}
	serve(t, b, "traced", 1, func(ctx context.Context, _ json.RawMessage) (any, error) {
		hear(ctx)
		return nil, nil
	})
	must(t, b.Call(ctx, "traced", 1, nil))
	again := false
	consume(t, b, "traced", 1, func(ctx context.Context, _ []byte) error {
		hear(ctx)
		if !again {
			again = true
			return errors.New("not yet")
		}
		return nil
	})
	must(t, b.Enqueue(ctx, "traced", []byte("x")))
	for range 3 {
		if got := receive(t, heard); !strings.Contains(got, trace) {
			t.Errorf("the trace is %q", got)
		}
	}
}
