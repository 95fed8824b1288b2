package dispatch

import (
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestSpecialiseDials has a worker whose old connection may lead to a node that is dead.
func TestSpecialiseDials(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	c := NewClient(func(string) string { return testToken })
	defer c.Close()
	if _, err := c.Call(t.Context(), a.worker, aCall("1")); err != nil {
		t.Fatal(err)
	}
	old := c.conns.idle[a.worker.Address]
	if _, err := c.Specialise(t.Context(), a.worker, faas.Specialisation{Key: testTarget.Key}, nil); err != nil {
		t.Fatal(err)
	}
	fresh := c.conns.idle[a.worker.Address]
	if len(old) != 1 || len(fresh) != 1 || old[0] == fresh[0] || old[0].alive() {
		t.Errorf("%d connections before, %d after", len(old), len(fresh))
	}
}
