package orchestrator

import (
	"context"
	"strconv"
	"testing"
)

func TestSlowReaderLosesTheOldest(t *testing.T) {
	var events Fanout
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	slow := events.Subscribe(ctx)
	const sent = eventBacklog + 10
	for i := range sent {
		events.Send(Event{Reason: strconv.Itoa(i)})
	}
	events.Close()
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
	var events Fanout
	ctx, cancel := context.WithCancel(context.Background())
	one, two := events.Subscribe(ctx), events.Subscribe(context.Background())
	cancel()
	for range one { // ends when the channel is closed
	}
	events.Close()
	for range two {
	}
	for range events.Subscribe(context.Background()) {
	}
}
