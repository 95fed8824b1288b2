package store

import (
	"log/slog"
	"testing"
	"time"
)

// gathering is a writer without a database, beside which another commits so many operations.
func gathering(committing int64) *writer {
	r := newRecorder("calls", sqliteFile{}, Options{Log: slog.New(slog.DiscardHandler), Now: time.Now}, &recorders{}, nil)
	r.committing.Store(committing)
	return r.newWriter(nil, r.small)
}

func (w *writer) hand(n int) {
	for range n {
		w.small <- &operation{}
	}
}

// TestGatherTakesWhatIsWorthACommit has as much waiting as may go beside the other commit at once.
func TestGatherTakesWhatIsWorthACommit(t *testing.T) {
	for _, c := range []struct{ committing, waiting int }{{0, 0}, {1, 0}, {2, 0}, {10, 4}, {10, 30}} {
		w := gathering(int64(c.committing))
		w.hand(c.waiting)
		if got := len(w.gather(&operation{})); got != c.waiting+1 {
			t.Errorf("beside %d, %d of %d make a batch", c.committing, got, c.waiting+1)
		}
	}
}

func TestGatherHoldsSmallBatches(t *testing.T) {
	w, got := gathering(10), make(chan int)
	go func() { got <- len(w.gather(&operation{})) }()
	w.hand(4) // the last makes it large enough
	if n := <-got; n != 5 {
		t.Errorf("a batch of %d", n)
	}
	go func() { got <- len(w.gather(&operation{})) }()
	w.committing.Store(0)
	w.committed <- struct{}{}
	if n := <-got; n != 1 {
		t.Errorf("a batch of %d after the other commit has ended", n)
	}
	w.committing.Store(10) // and never ends
	if n := len(w.gather(&operation{})); n != 1 {
		t.Errorf("a batch of %d", n)
	}
}
