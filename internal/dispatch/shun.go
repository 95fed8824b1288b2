package dispatch

import (
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// shunned are workers that refused a call or were out of reach a moment ago. They are not asked for
// again until whoever hands workers out can know that they are gone, if they are. The dispatcher's
// lock guards it.
type shunned struct {
	byID map[string]shunning
	now  func() time.Time
}

func newShunned(now func() time.Time) shunned { return shunned{map[string]shunning{}, now} }

type shunning struct {
	key    faas.Key
	since  time.Time
	silent bool // it did not answer
}

// shunFor is how long a worker is shunned.
const shunFor = 5 * time.Second

func (s shunned) add(w faas.Worker, silent bool) {
	s.tidy()
	s.byID[w.ID] = shunning{w.Key, s.now(), silent}
}

// of returns the ids of the key's workers that are shunned, and of those among them that did not
// answer.
func (s shunned) of(key faas.Key) (all, silent []string) {
	for id, one := range s.byID {
		if one.key != key || s.now().Sub(one.since) >= shunFor {
			continue
		}
		all = append(all, id)
		if one.silent {
			silent = append(silent, id)
		}
	}
	return all, silent
}

func (s shunned) tidy() {
	for id, one := range s.byID {
		if s.now().Sub(one.since) >= shunFor {
			delete(s.byID, id)
		}
	}
}
