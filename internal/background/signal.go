package background

import (
	"context"
	"time"
)

// Signal wakes a loop that receives from it. Signals that come while one is pending are one:
// whoever is woken looks at everything.
type Signal chan struct{}

// NewSignal returns a signal that is not pending. The zero value cannot be used.
func NewSignal() Signal { return make(Signal, 1) }

// Wake makes the signal pending. It never waits.
func (s Signal) Wake() {
	select {
	case s <- struct{}{}:
	default: // it is pending already
	}
}

// Sleep waits for a while, or less when ctx ends.
func Sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
