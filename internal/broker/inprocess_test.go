package broker

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// BenchmarkCall is what the embedded broker adds to a cold start.
func BenchmarkCall(b *testing.B) {
	bus := NewInProcess()
	defer bus.Close()
	_, err := bus.Serve(b.Context(), "echo", 8, func(_ context.Context, r json.RawMessage) (any, error) { return r, nil })
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for b.Loop() {
		var reply map[string]int
		if err := bus.Call(ctx, "echo", map[string]int{"n": 1}, &reply); err != nil {
			b.Fatal(err)
		}
	}
}
