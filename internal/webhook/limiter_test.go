package webhook

import (
	"fmt"
	"testing"
	"time"
)

// clock is a time that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func newLimiter(most int64) (*Limiter, *clock) {
	c := &clock{time.Unix(1e9, 0)}
	return NewLimiter(most, c.now), c
}

var first, second = URL{hook, 1}, URL{hook, 2}

// entered returns how many of n requests for the URL pass.
func entered(l *Limiter, u URL, n int) (passed int) {
	for range n {
		if gone, wait := l.Enter(u); !gone && wait == 0 {
			passed++
		}
	}
	return passed
}

func TestAFloodIsLimited(t *testing.T) {
	l, clock := newLimiter(60)
	if n := entered(l, first, 1000); n != 60 {
		t.Errorf("%d of a thousand pass at once, want 60", n)
	}
	if _, wait := l.Enter(first); wait <= 0 || wait > time.Second {
		t.Errorf("the next may come after %v, want a second at most", wait)
	}
	clock.pass(10 * time.Second)
	if n := entered(l, first, 1000); n != 10 {
		t.Errorf("%d pass after ten seconds, want 10", n)
	}
	clock.pass(time.Hour)
	if n := entered(l, first, 1000); n != 60 {
		t.Errorf("%d pass after an hour, want 60", n)
	}
	if n := entered(l, second, 1000); n != 60 {
		t.Errorf("%d pass by the URL that took the first one's place, want 60", n)
	}
}

// TestAWebhooksOwnLimit counts what was accepted, and is heeded before anything is looked up.
func TestAWebhooksOwnLimit(t *testing.T) {
	l, clock := newLimiter(6000)
	accepted := 0
	for range 100 {
		if _, wait := l.Enter(first); wait == 0 && l.Accept(first, 6) == 0 {
			accepted++
		}
	}
	if accepted != 6 {
		t.Errorf("%d are accepted, want 6", accepted)
	}
	if n := entered(l, first, 10); n != 0 {
		t.Errorf("%d pass to be looked up", n)
	}
	if _, wait := l.Enter(first); wait <= 0 || wait > 10*time.Second {
		t.Errorf("the next may come after %v, want ten seconds at most", wait)
	}
	clock.pass(10 * time.Second)
	if n := entered(l, first, 10); n != 10 {
		t.Errorf("%d pass, want all: what is not accepted uses nothing up", n)
	}
	if wait := l.Accept(first, 0); wait != 0 {
		t.Errorf("without a limit of its own: %v", wait)
	}
}

// TestWhatIsGoneIsRememberedForAMoment has a URL that leads nowhere not be looked up each time.
func TestWhatIsGoneIsRememberedForAMoment(t *testing.T) {
	l, clock := newLimiter(6000)
	l.Gone(first)
	if n := entered(l, first, 100); n != 0 {
		t.Errorf("%d pass", n)
	}
	if n := entered(l, second, 1); n != 1 {
		t.Error("another URL of the webhook is gone, too")
	}
	clock.pass(goneFor)
	if n := entered(l, first, 1); n != 1 {
		t.Error("it is never looked up again")
	}
	l.Gone(first)
	l.Back(first)
	if n := entered(l, first, 1); n != 1 {
		t.Error("it did not come back")
	}
	l.Back(URL{"unknown", 1})
}

// TestTheLimiterForgets has its memory be bounded, whatever is asked for.
func TestTheLimiterForgets(t *testing.T) {
	l, _ := newLimiter(6000)
	for n := range int64(maxKnown + 1000) {
		l.Enter(URL{fmt.Sprint(n), n})
	}
	if n := l.known.Len(); n != maxKnown {
		t.Errorf("%d are remembered, want %d", n, maxKnown)
	}
}
