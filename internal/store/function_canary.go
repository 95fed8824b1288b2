package store

import (
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// canaries says of each call by an alias whether the alias's canary gets it. Nothing is left to
// chance: a debt to the canary grows by its percentage with each call, and the call that makes it a
// whole one is the canary's. Of n calls that one process resolves, the canary's are within a half of
// its share; those of several processes together are within a half for each.
type canaries struct {
	mu    sync.Mutex
	debts map[string]int // hundredths of a call, by the alias's id
}

const (
	// canariesKnown is how many aliases a process remembers debts of. One that it has forgotten
	// begins anew.
	canariesKnown = 10_000
	wholeCall     = 100
	// firstDebt has a share be rounded to the nearest call and not downwards.
	firstDebt = wholeCall / 2
)

func newCanaries() *canaries { return &canaries{debts: map[string]int{}} }

// version returns the version that the next call by the alias runs.
func (c *canaries) version(a faas.Alias) int {
	if a.Canary.Percent == 0 {
		return a.Version
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	debt, known := c.debts[a.ID]
	if !known {
		c.makeRoom()
		debt = firstDebt
	}
	debt += a.Canary.Percent
	mine := debt >= wholeCall
	if mine {
		debt -= wholeCall
	}
	c.debts[a.ID] = debt
	if mine {
		return a.Canary.Version
	}
	return a.Version
}

// makeRoom forgets one of the aliases where as many are known as may be. The lock is held.
func (c *canaries) makeRoom() {
	if len(c.debts) < canariesKnown {
		return
	}
	for id := range c.debts {
		delete(c.debts, id)
		return
	}
}
