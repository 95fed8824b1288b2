package broker

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tracing"
)

// metered is a broker whose traffic is counted.
type metered struct {
	Broker
	requests *prometheus.HistogramVec
	sent     *prometheus.CounterVec
	handled  *prometheus.CounterVec
}

// Metered returns the broker with its traffic counted in the registry.
func Metered(b Broker, registry prometheus.Registerer) Broker {
	m := metered{
		Broker: b,
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "faas_broker_request_seconds",
			Help:    "How long requests to other processes took, by method and result: ok, or the kind of the error.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300},
		}, []string{"method", "result"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_broker_messages_sent_total",
			Help: "Messages sent, by queue or topic and result: ok, or the kind of the error.",
		}, []string{"to", "result"}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_broker_messages_handled_total",
			Help: "Messages of queues that were handled here, by queue and result: ok, or the kind of the error.",
		}, []string{"queue", "result"}),
	}
	connected := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "faas_broker_connected", Help: "1 while the broker is connected, else 0.",
	}, func() float64 {
		if b.Connected() {
			return 1
		}
		return 0
	})
	registry.MustRegister(m.requests, m.sent, m.handled, connected)
	return m
}

// Call implements Broker.
func (m metered) Call(ctx context.Context, method string, request, reply any) error {
	begun := time.Now()
	ctx, span := startRequest(ctx, method)
	err := m.Broker.Call(ctx, method, request, reply)
	span.End(err)
	m.requests.WithLabelValues(kindOfName(method), resultOf(err)).Observe(time.Since(begun).Seconds())
	return err
}

func startRequest(ctx context.Context, method string) (context.Context, tracing.Span) {
	if !tracing.On() {
		return ctx, tracing.Span{}
	}
	return tracing.StartClient(ctx, "request "+kindOfName(method))
}

// Enqueue implements Broker.
func (m metered) Enqueue(ctx context.Context, queue string, body []byte) error {
	err := m.Broker.Enqueue(ctx, queue, body)
	m.sent.WithLabelValues(kindOfName(queue), resultOf(err)).Inc()
	return err
}

// Broadcast implements Broker.
func (m metered) Broadcast(ctx context.Context, topic string, body []byte) error {
	err := m.Broker.Broadcast(ctx, topic, body)
	m.sent.WithLabelValues(kindOfName(topic), resultOf(err)).Inc()
	return err
}

// Consume implements Broker.
func (m metered) Consume(ctx context.Context, queue string, parallel int, handle MessageHandler) (func(), error) {
	return m.Broker.Consume(ctx, queue, parallel, func(ctx context.Context, body []byte) error {
		err := handle(ctx, body)
		m.handled.WithLabelValues(kindOfName(queue), resultOf(err)).Inc()
		return err
	})
}

// kindOfName returns a name without the number of a shard or a queue, so that there are few time
// series.
func kindOfName(name string) string { return strings.TrimRight(name, ".0123456789") }

func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return string(faas.KindOf(err))
}
