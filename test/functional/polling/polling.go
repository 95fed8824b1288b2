// Package polling is how the functional tests wait for what nothing signals to the outside.
package polling

import (
	"context"
	"testing"
	"time"
)

// least is the pause between two looks at a condition.
const least = 30 * time.Millisecond

// Await looks at the condition until it holds, and fails the test when ctx ends before. A look that
// costs much (a program started, a list of a thousand executions) is made less often: two thirds of
// the time go by without one, for what is waited for to come about. So is one at what takes long:
// what comes about after a minute is seen a second later at most.
func Await(ctx context.Context, t testing.TB, what string, condition func() bool) {
	t.Helper()
	for first := time.Now(); ; {
		begun := time.Now()
		if condition() {
			return
		}
		pause := time.NewTimer(max(least, 2*time.Since(begun), time.Since(first)/64))
		select {
		case <-ctx.Done():
			pause.Stop()
			t.Fatalf("it never came about that %s", what)
		case <-pause.C:
		}
	}
}
