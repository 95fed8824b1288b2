package fleet

import (
	"cmp"
	"hash/fnv"
	"slices"
)

// freeWorkers are the workers that are generic and ready, by runtime, in the order in which this
// engine tries them. Its workerSet guards it.
type freeWorkers struct {
	engine string // name of the engine
	of     map[string][]ranked
}

type ranked struct {
	rank  uint64
	entry *entry
}

func (f *freeWorkers) add(e *entry) {
	at, of := f.rank(e), f.of[e.as.RuntimeID]
	i, _ := slices.BinarySearchFunc(of, at, compareRank)
	f.of[e.as.RuntimeID] = slices.Insert(of, i, at)
}

func (f *freeWorkers) remove(e *entry) {
	of := f.of[e.as.RuntimeID]
	if i, found := slices.BinarySearchFunc(of, f.rank(e), compareRank); found {
		of = slices.Delete(of, i, i+1)
		f.of[e.as.RuntimeID] = of
	}
	if len(of) == 0 {
		delete(f.of, e.as.RuntimeID)
	}
}

// rank returns where a worker stands in this engine's order.
func (f *freeWorkers) rank(e *entry) ranked { return ranked{rank(f.engine, e.id), e} }

// rank orders generic workers differently from engine to engine (rendezvous hashing), so that
// several that claim at the same time seldom try the same one.
func rank(engine, workerID string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(engine + "\x00" + workerID)) // never fails
	return h.Sum64()
}

func compareRank(a, b ranked) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.entry.id, b.entry.id))
}
