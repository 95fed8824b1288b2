package local

import (
	"context"
	"strconv"
	"testing"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

func TestSlowReaderLosesTheOldest(t *testing.T) {
	var events fanout
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	slow := events.subscribe(ctx)
	const sent = eventBacklog + 10
	for i := range sent {
		events.send(orchestrator.Event{Reason: strconv.Itoa(i)})
	}
	events.close()
	next := sent - eventBacklog
	for e := range slow {
		if e.Reason != strconv.Itoa(next) {
			t.Fatalf("got %s in place of %d", e.Reason, next)
		}
		next++
	}
	if next != sent {
		t.Errorf("the last event was %d of %d", next, sent)
	}
}

func TestSubscriptionsEnd(t *testing.T) {
	var events fanout
	ctx, cancel := context.WithCancel(context.Background())
	one, two := events.subscribe(ctx), events.subscribe(context.Background())
	cancel()
	for range one { // ends when the channel is closed
	}
	events.close()
	for range two {
	}
	for range events.subscribe(context.Background()) {
	}
}
