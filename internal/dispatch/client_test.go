package dispatch

import (
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestSpecialiseOverAnIdleConnection has a worker that answers on its old connection, and one whose
// old connection leads to a node that is dead.
func TestSpecialiseOverAnIdleConnection(t *testing.T) {
	for name, dead := range map[string]bool{"it answers": false, "nobody does": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAgentAt(t, "tcp", "127.0.0.1:0", testTarget.Key, succeed)
			c := NewClient(func(string) string { return testToken })
			defer c.Close()
			if _, err := c.Status(t.Context(), a.worker); err != nil {
				t.Fatal(err)
			}
			if dead {
				deafen(t, <-a.accepted)
			}
			old := c.conns.idle[a.worker.Address]
			if _, err := c.Specialise(t.Context(), a.worker, faas.Specialisation{Key: testTarget.Key}, nil); err != nil {
				t.Fatal(err)
			}
			now := c.conns.idle[a.worker.Address]
			if len(old) != 1 || len(now) != 1 || (old[0] == now[0]) == dead || old[0].alive() == dead {
				t.Errorf("%d connections before, %d after, of which the same: %v", len(old), len(now), old[0] == now[0])
			}
		})
	}
}
