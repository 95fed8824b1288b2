package demand

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

var testKey = faas.Key{FunctionID: "f", Revision: 1}

// TestDemand watches a function through a burst and its end, on a clock of its own.
func TestDemand(t *testing.T) {
	d := New(time.Minute)
	now := time.Unix(0, 0)
	look := func(busy, workers int) numbers {
		now = now.Add(2 * time.Second)
		return d.sampled(testKey, Sample{Busy: busy, Workers: workers, Slots: 3, Most: 10}, now)
	}
	for range 40 {
		if n := look(2, 3); n.wanted() < 3 && n.Watched < time.Minute {
			t.Fatalf("shrinks after %v", n.Watched)
		}
	}
	if n := look(2, 3); n.wanted() != 1 {
		t.Errorf("two calls at a time for a minute want %d workers", n.wanted())
	}
	for range 3 {
		look(30, 3)
	}
	if n := look(30, 3); !n.inPanic() || n.wanted() != 10 {
		t.Errorf("ten times the demand: %+v", n)
	}
	for range 29 {
		if n := look(0, 10); n.wanted() != 10 {
			t.Fatalf("shrinks %v after a panic to %d", n.Calm, n.wanted())
		}
	}
	for range 8 {
		look(0, 10)
	}
	if n := look(0, 10); n.wanted() != 1 {
		t.Errorf("a quiet minute wants %d workers", n.wanted())
	}
}

// TestReportsAreShortLived has two callers, of which one stops calling.
func TestReportsAreShortLived(t *testing.T) {
	d := New(time.Minute)
	now := time.Unix(0, 0)
	report := func(caller string, waiting, running int) {
		d.Report(
			faas.AcquireRequest{Target: faas.Target{Key: testKey}, Caller: caller, Waiting: waiting, Running: running},
			now,
		)
	}
	report("a", 0, 3) // who asks has a call that waits
	report("b", 4, 1)
	if n := d.Calls(testKey, now); n != 9 {
		t.Errorf("%d calls, want nine", n)
	}
	now = now.Add(reportFresh)
	report("b", 2, 1)
	now = now.Add(time.Second)
	if n := d.Calls(testKey, now); n != 3 {
		t.Errorf("%d calls, want the three of who still reports", n)
	}
	d.Tidy(now.Add(time.Minute - time.Second))
	if n := len(d.keys); n != 1 {
		t.Errorf("%d keys are remembered within the window", n)
	}
	if d.Tidy(now.Add(time.Minute)); len(d.keys) != 0 {
		t.Errorf("%v is remembered", d.keys)
	}
}

// TestHeldWorkersStay has a key keep workers that it does not need, until the time is over.
func TestHeldWorkersStay(t *testing.T) {
	d := New(time.Minute)
	now := time.Unix(0, 0)
	quiet := func(workers int) int {
		now = now.Add(2 * time.Second)
		return d.Sampled(testKey, Sample{Workers: workers, Slots: 3, Most: 10}, now)
	}
	d.Hold(testKey, 4, now, now.Add(5*time.Minute))
	for range 149 {
		if n := quiet(5); n < 4 {
			t.Fatalf("%d of four held workers stay at %v", n, now)
		}
	}
	if n := quiet(4); n != 1 {
		t.Errorf("%d workers stay when the time is over", n)
	}
	d.Hold(testKey, 40, now, now.Add(time.Hour))
	if n := quiet(4); n != 10 {
		t.Errorf("%d workers are held, ten may be", n)
	}
	if d.Tidy(now.Add(30 * time.Minute)); d.heldBy(testKey, now.Add(30*time.Minute)) != 40 {
		t.Error("what is held is forgotten before its time")
	}
	d.Hold(testKey, 0, now, time.Time{})
	if n := quiet(4); n != 1 {
		t.Errorf("%d workers stay when none is held any more", n)
	}
}
