package duework

import (
	"testing"
	"time"
)

func TestRetriesTakeLongerEachTime(t *testing.T) {
	k := Kind{FirstRetry: time.Second, LastRetry: 10 * time.Second}.complete()
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if got := k.retryAfter(i + 1); got != want*time.Second {
			t.Errorf("after %d errors in a row it waits for %s, want %ds", i+1, got, want)
		}
	}
	if got := k.retryAfter(1_000_000); got != k.LastRetry {
		t.Errorf("after a million errors it waits for %s", got)
	}
}
