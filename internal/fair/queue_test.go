package fair

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type request struct {
	project string
	since   time.Time
}

func (r *request) ProjectID() string       { return r.project }
func (r *request) WaitingSince() time.Time { return r.since }

func of(project string, second int) *request {
	return &request{project: project, since: time.Unix(int64(second), 0)}
}

func anyRequest(*request) bool { return true }

func holdsNone(string) int { return 0 }

func TestQueueServesProjectsInTurn(t *testing.T) {
	q := NewQueue[*request](10)
	for i := range 4 {
		q.Join(of("a", i))
	}
	q.Join(of("b", 9))
	q.Join(of("b", 8))
	q.Join(of("c", 7))
	var order []string
	for !q.Empty() {
		next, ok := q.Next(anyRequest, holdsNone, 10)
		if !ok {
			t.Fatal("nobody is next")
		}
		order = append(order, fmt.Sprint(next.project, next.since.Unix()))
		q.Served(next)
	}
	if got := strings.Join(order, " "); got != "a0 c7 b8 a1 b9 a2 a3" {
		t.Errorf("served %s", got)
	}
}

// TestQueueRemembersTurns is a project whose calls wait longest, and that asks again after each
// turn.
func TestQueueRemembersTurns(t *testing.T) {
	q := NewQueue[*request](10)
	served := map[string]int{}
	for range 10 {
		for i, project := range []string{"old", "young"} { // who waits asks again and again
			for _, left := range q.Waiting()[project] {
				q.Leave(left)
			}
			q.Join(of(project, i))
		}
		next, _ := q.Next(anyRequest, holdsNone, 10)
		served[next.project]++
		q.Served(next)
	}
	if served["old"] != 5 || served["young"] != 5 {
		t.Errorf("served %v", served)
	}
}

func TestQueueKeepsToShares(t *testing.T) {
	q := NewQueue[*request](2)
	held := map[string]int{"rich": 5, "poor": 4}
	heldBy := func(project string) int { return held[project] }
	rich, poor := of("rich", 0), of("poor", 1)
	q.Join(rich)
	if next, _ := q.Next(anyRequest, heldBy, 5); next != rich {
		t.Error("who waits alone may have more than a share")
	}
	q.Join(poor)
	if next, _ := q.Next(anyRequest, heldBy, 5); next != poor {
		t.Error("who has less than a share comes first")
	}
	if _, ok := q.Next(func(r *request) bool { return r == rich }, heldBy, 5); ok {
		t.Error("a project went over its share while another waits that has less")
	}
	if !q.Join(of("rich", 2)) || q.Join(of("rich", 3)) {
		t.Error("a project may have two requests, and no more")
	}
	if !q.Leave(rich) || q.Leave(rich) {
		t.Error("a request leaves once")
	}
}

func TestTurnsAreForgotten(t *testing.T) {
	turns := newTurns()
	for n := range 3 * turnsKept {
		turns.take(fmt.Sprint(n))
		if len(turns.last) > turnsKept {
			t.Fatalf("%d turns are remembered", len(turns.last))
		}
	}
	if turns.compare("never", fmt.Sprint(3*turnsKept-1)) >= 0 {
		t.Error("who had the last turn comes first")
	}
}
