package repair

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestOutdatedWorkers(t *testing.T) {
	s := newOutdatedWorkers()
	now := time.Unix(0, 0)
	a, b, fresh := faas.Worker{ID: "a"}, faas.Worker{ID: "b"}, faas.Worker{ID: "fresh"}
	s.add("a", now)
	s.add("b", now)
	s.add("a", now.Add(outdatedTime)) // another update: it has been stale all along
	if got := s.among([]faas.Worker{a, b, fresh}, now); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	s.drop("b")
	if got := s.among([]faas.Worker{a, b}, now); len(got) != 1 || got[0].ID != "a" {
		t.Errorf("got %v after one has ended", got)
	}
	if got := s.among([]faas.Worker{a}, now.Add(outdatedTime)); len(got) != 0 || !s.none() {
		t.Errorf("got %v after its time", got)
	}
	s.add("a", now)
	if s.among([]faas.Worker{b}, now); !s.none() {
		t.Error("a worker that is gone is remembered")
	}
}
