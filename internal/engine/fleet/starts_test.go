package fleet

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// TestStartTime has twenty workers start, of which the first four take very long.
func TestStartTime(t *testing.T) {
	now := time.Unix(0, 0)
	s := newWorkerSet("engine", func() time.Time { return now })
	show := func(id string, ready bool, key faas.Key) {
		w := faas.Worker{ID: id, RuntimeID: "r", Ready: ready, Key: key}
		s.apply([]orchestrator.Change{{Worker: w}})
	}
	if got := s.starts.usual("r"); got != firstGuess {
		t.Errorf("%s before any worker has started", got)
	}
	show("ready at once", true, faas.Key{})
	show("claimed", false, faas.Key{FunctionID: "f", Revision: 1})
	show("claimed", true, faas.Key{FunctionID: "f", Revision: 1})
	if len(s.starts) != 0 {
		t.Errorf("what was not seen to start counts: %v", s.starts)
	}
	for n := range 20 {
		id := string(rune('a' + n))
		show(id, false, faas.Key{})
		now = now.Add(time.Second)
		if n < 4 {
			now = now.Add(time.Hour)
		}
		show(id, false, faas.Key{}) // its address has become known, say
		now = now.Add(time.Second)
		show(id, true, faas.Key{})
		show(id, false, faas.Key{}) // and it comes back, which is no start
		show(id, true, faas.Key{})
		if n == 3 {
			if got := s.starts.usual("r"); got < time.Hour {
				t.Errorf("%s, when each took an hour", got)
			}
		}
	}
	if got := s.starts.usual("r"); got != 2*time.Second {
		t.Errorf("%s, want 2s", got)
	}
	if n := len(s.starts["r"]); n != startsKept {
		t.Errorf("%d starts are kept", n)
	}
}
