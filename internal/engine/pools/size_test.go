package pools

import (
	"fmt"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

var testKey = faas.Key{FunctionID: "f", Revision: 1}

func TestPoolsRememberClaims(t *testing.T) {
	p := newSizes()
	now := time.Unix(0, 0)
	var workers []faas.Worker
	claim := func(n int) {
		for range n {
			workers = append(workers, faas.Worker{ID: fmt.Sprint(len(workers)), RuntimeID: "r", Key: testKey})
		}
		p.observe(workers, now)
	}
	claim(5)
	if p.demand("r") != 0 {
		t.Error("what was claimed before anybody looked is no claim of the last minutes")
	}
	claim(2)
	now = now.Add(5 * time.Second)
	claim(2)
	now = now.Add(time.Minute)
	claim(3)
	if p.demand("r") != 4 || p.demand("another") != 0 {
		t.Errorf("demand %d", p.demand("r"))
	}
	now = now.Add(claimsKept - time.Minute + time.Second)
	claim(0)
	if p.demand("r") != 3 {
		t.Errorf("demand %d when the first are forgotten", p.demand("r"))
	}
	now = now.Add(time.Minute)
	workers = nil
	claim(0)
	if p.demand("r") != 0 || len(p.claims) != 0 || len(p.seen) != 0 {
		t.Errorf("something is left: %+v", p)
	}
}

// TestPoolsExpectNewFunctions has functions be made, of which some are called.
func TestPoolsExpectNewFunctions(t *testing.T) {
	p := newSizes()
	now := time.Unix(0, 0)
	var workers []faas.Worker
	claim := func(runtimeID string) {
		workers = append(workers, faas.Worker{ID: fmt.Sprint(len(workers)), RuntimeID: runtimeID, Key: testKey})
		p.observe(workers, now)
	}
	claim("r")
	p.expect("r", 4, 10, now)
	if p.demand("r") != 4 || p.demand("another") != 0 {
		t.Errorf("demand %d for four new functions", p.demand("r"))
	}
	claim("r")
	claim("another")
	if p.demand("r") != 3 {
		t.Errorf("demand %d when one of four has its worker", p.demand("r"))
	}
	for range 100 {
		p.expect("r", 1, 10, now)
	}
	if p.demand("r") != 10 {
		t.Errorf("demand %d for more new functions than a pool can hold", p.demand("r"))
	}
	now = now.Add(expectedFor + time.Second)
	p.observe(workers, now)
	if p.demand("r") != 1 || len(p.made) != 0 {
		t.Errorf("demand %d long after the functions were made, %v", p.demand("r"), p.made)
	}
}

func TestPoolsShrinkLate(t *testing.T) {
	p := newSizes()
	now := time.Unix(0, 0)
	set := func(size int) bool {
		begins := p.begin("r", size, now)
		if begins {
			p.set("r", size)
			p.end("r")
		}
		return begins
	}
	if set(3) {
		t.Error("a pool that nobody made is nobody's to change")
	}
	p.assume("r", 3)
	if set(3) || !set(5) {
		t.Error("a pool grows at once, and only when it must")
	}
	for range 10 {
		if set(4) {
			t.Error("a pool shrinks before it was too large for a while")
		}
		set(5) // it is needed again
		now = now.Add(shrinkAfter / 2)
	}
	set(4)
	if now = now.Add(shrinkAfter); !set(4) {
		t.Error("a pool stays too large")
	}
	if p.begin("r", 9, now); p.begin("r", 9, now) {
		t.Error("a pool is set twice at the same time")
	}
}

// TestPoolsThatLackWorkersAreSetAgain has a pool lose its workers, as when somebody deletes its
// Deployment.
func TestPoolsThatLackWorkersAreSetAgain(t *testing.T) {
	p := newSizes()
	now := time.Unix(0, 0)
	if p.lacks("r", 0, now) {
		t.Error("a pool that nobody made lacks nothing")
	}
	p.set("r", 3)
	lacks := func(generic int) bool { return p.lacks("r", generic, now) }
	for range 10 {
		if lacks(3) || lacks(1) {
			t.Error("a pool is set again before it has lacked workers for a while")
		}
		now = now.Add(lackAfter)
	}
	if !lacks(1) {
		t.Error("a pool that has lacked workers all along is not set again")
	}
	if now = now.Add(lackAfter); lacks(1) {
		t.Error("a pool is set twice at the same time")
	}
	p.set("r", 3)
	p.end("r")
	if lacks(1) {
		t.Error("a pool that was just set again gets no time to fill")
	}
	if now = now.Add(lackAfter); !lacks(0) {
		t.Error("a pool that still lacks workers is not set again")
	}
}

func TestPoolSize(t *testing.T) {
	for _, c := range []struct{ claimed, least, most, room, want int }{
		{0, 3, 10, 100, 3}, {7, 3, 10, 100, 7}, {70, 3, 10, 100, 10}, {7, 3, 10, 5, 5}, {7, 3, 10, -2, 3}, {7, 3, 0, 100, 3},
	} {
		if got := poolSize(c.claimed, c.least, c.most, c.room); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	if got := mostWithin([]time.Time{at(0), at(1), at(8), at(12), at(13), at(14), at(40)}, 10*time.Second); got != 4 {
		t.Errorf("%d within ten seconds, want four", got)
	}
}
