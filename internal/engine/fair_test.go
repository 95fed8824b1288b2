package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

var testKey = faas.Key{FunctionID: "f", Revision: 1}

func anyTicket(*ticket) bool { return true }

func ticketOf(project string, second int) *ticket {
	return &ticket{project: project, since: time.Unix(int64(second), 0), got: make(chan grant, 1)}
}

func TestLineServesProjectsInTurn(t *testing.T) {
	l := newLine(10)
	for i := range 4 {
		l.join(ticketOf("a", i))
	}
	l.join(ticketOf("b", 9))
	l.join(ticketOf("b", 8))
	l.join(ticketOf("c", 7))
	var order []string
	for !l.empty() {
		next := l.next(anyTicket, func(string) int { return 0 }, 10)
		order = append(order, fmt.Sprint(next.project, next.since.Unix()))
		l.served(next)
	}
	if got := strings.Join(order, " "); got != "a0 c7 b8 a1 b9 a2 a3" {
		t.Errorf("served %s", got)
	}
}

// TestLineRemembersTurns is a project whose calls wait longest, and that asks again after each turn.
func TestLineRemembersTurns(t *testing.T) {
	l := newLine(10)
	served := map[string]int{}
	for range 10 {
		for i, project := range []string{"old", "young"} { // who waits asks again and again
			for _, left := range l.waiting[project] {
				l.leave(left)
			}
			l.join(ticketOf(project, i))
		}
		next := l.next(anyTicket, func(string) int { return 0 }, 10)
		served[next.project]++
		l.served(next)
	}
	if served["old"] != 5 || served["young"] != 5 {
		t.Errorf("served %v", served)
	}
}

func TestLineKeepsToShares(t *testing.T) {
	l := newLine(2)
	held := map[string]int{"rich": 5, "poor": 4}
	rich, poor := ticketOf("rich", 0), ticketOf("poor", 1)
	l.join(rich)
	if l.next(anyTicket, func(p string) int { return held[p] }, 5) != rich {
		t.Error("who waits alone may have more than a share")
	}
	l.join(poor)
	if l.next(anyTicket, func(p string) int { return held[p] }, 5) != poor {
		t.Error("who has less than a share comes first")
	}
	if l.next(func(t *ticket) bool { return t == rich }, func(p string) int { return held[p] }, 5) != nil {
		t.Error("a project went over its share while another waits that has less")
	}
	if l.join(ticketOf("rich", 2)) && l.join(ticketOf("rich", 3)) {
		t.Error("a project has more places than it may")
	}
	if !l.leave(rich) || l.leave(rich) {
		t.Error("a ticket leaves once")
	}
}

func TestGivers(t *testing.T) {
	held := map[string]int{"most": 6, "more": 4, "some": 2, "few": 1}
	for _, c := range []struct {
		project string
		share   int
		want    string
	}{
		{"few", 3, "most more some few"}, // its own idle ones last
		{"new", 3, "most more some few"},
		{"some", 3, "most more some"},
		{"more", 3, "more"}, // it has its share: only what is its own
	} {
		if got := strings.Join(giversFor(c.project, held, c.share), " "); got != c.want {
			t.Errorf("for %s give %q, want %q", c.project, got, c.want)
		}
	}
}

// crowd has so many executions of each project wait at a gate; each that is let in says so and leaves when it is told.
func crowd(ctx context.Context, g *gate, in chan<- string, out <-chan struct{}, project string, n int) {
	for range n {
		go func() {
			leave, err := g.enter(ctx, project)
			if err != nil {
				return
			}
			in <- project
			<-out
			leave()
		}()
	}
}

func TestGateIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(10)
		in, out := make(chan string, 100), make(chan struct{})
		crowd(t.Context(), g, in, out, "flood", 40)
		synctest.Wait()
		if len(in) != 8 {
			t.Fatalf("%d of ten hands are one project's, want eight", len(in))
		}
		for len(in) > 0 {
			<-in
		}
		crowd(t.Context(), g, in, out, "other", 3)
		synctest.Wait()
		if first := <-in; first != "other" {
			t.Fatalf("%s was let in", first)
		}
		var order []string
		for len(order) < 42-8 {
			out <- struct{}{}
			synctest.Wait()
			for len(in) > 0 {
				order = append(order, <-in)
			}
		}
		if last := slices.Index(order[slices.Index(order, "other")+1:], "other"); last > 6 {
			t.Errorf("the other project waited for %d of the flood", last)
		}
		for g.free < 10 {
			out <- struct{}{}
			synctest.Wait()
		}
		if g.free != 10 || len(g.held)+len(g.waiting)+len(g.turns) != 0 {
			t.Errorf("something is left: %+v", g)
		}
	})
}

func TestGateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		leave, err := g.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.enter(ctx, "b"); !errors.Is(err, context.DeadlineExceeded) || len(g.crowd()) != 0 {
			t.Errorf("got %v", err)
		}
		leave()
		if leave, err = g.enter(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		leave()
	})
}
