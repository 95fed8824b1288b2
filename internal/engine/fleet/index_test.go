package fleet

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// summary is everything that an index answers.
type summary struct {
	claimed int
	held    map[string]int
	memory  map[string]int64
	own     map[faas.Key][]string // ids, in order
	free    map[string][]string   // ids by runtime, in the engine's order
	unknown map[string][]faas.Key
}

// kept returns what the index holds.
func kept(of *workerSet) summary {
	x := Index{of}
	x.AnyFree() // looks again at those whose time has come
	s := summary{
		x.Claimed(),
		x.Held(),
		maps.Clone(of.owned.memory),
		map[faas.Key][]string{},
		map[string][]string{},
		map[string][]faas.Key{},
	}
	for key, own := range of.owned.of {
		s.own[key] = slices.Sorted(maps.Keys(own))
	}
	for runtime, free := range of.free.of {
		for _, at := range free {
			s.free[runtime] = append(s.free[runtime], at.entry.id)
		}
	}
	for project := range of.owned.unknown {
		s.unknown[project] = sortedKeys(x.UnknownMemory(project))
	}
	return s
}

func sortedKeys(keys []faas.Key) []faas.Key {
	slices.SortFunc(keys, func(a, b faas.Key) int { return int(a.Revision - b.Revision) })
	return keys
}

// rebuilt works out the same from all workers, without what is kept of them.
func rebuilt(x *workerSet, now time.Time) summary {
	s := summary{
		0,
		map[string]int{},
		map[string]int64{},
		map[faas.Key][]string{},
		map[string][]string{},
		map[string][]faas.Key{},
	}
	for _, id := range slices.Sorted(maps.Keys(x.entries)) {
		w, ok := x.entries[id].effective(now)
		switch {
		case !ok:
		case !w.Generic():
			s.claimed++
			s.held[w.ProjectID]++
			s.own[w.Key] = append(s.own[w.Key], id)
			bytes, known := x.owned.known[w.Key]
			if !known {
				bytes = faas.DefaultMemorySize
				if !slices.Contains(s.unknown[w.ProjectID], w.Key) {
					s.unknown[w.ProjectID] = sortedKeys(append(s.unknown[w.ProjectID], w.Key))
				}
			}
			s.memory[w.ProjectID] += bytes
		case w.Ready:
			s.free[w.RuntimeID] = append(s.free[w.RuntimeID], id)
		}
	}
	for _, free := range s.free {
		slices.SortFunc(free, func(a, b string) int {
			if rank(x.free.engine, a) < rank(x.free.engine, b) {
				return -1
			}
			return 1
		})
	}
	return s
}

// TestIndexIsWhatWouldBeRebuilt does at random what happens to workers, and compares after each
// step.
func TestIndexIsWhatWouldBeRebuilt(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	now := time.Unix(0, 0)
	x := newWorkerSet("engine", func() time.Time { return now })
	index, reserved := Index{x}, reservations{x}
	target := func() faas.Target {
		n := random.Int64N(6)
		return faas.Target{
			Key: faas.Key{
				FunctionID: fmt.Sprint("f", n),
				Revision:   n,
			}, ProjectID: fmt.Sprint("p", n%3), MemorySize: n << 25, Protocol: faas.ProtocolHTTP,
		}
	}
	id := func() string { return fmt.Sprint("w", random.IntN(40)) }
	steps := map[string]func(){
		"shown": func() {
			w := faas.Worker{ID: id(), RuntimeID: fmt.Sprint("r", random.IntN(3)), Ready: random.IntN(4) > 0}
			if random.IntN(3) == 0 {
				of := target()
				w.Key, w.ProjectID = of.Key, of.ProjectID
			}
			x.apply([]orchestrator.Change{{Worker: w}})
		},
		"gone":        func() { x.apply([]orchestrator.Change{{Worker: faas.Worker{ID: id()}, Gone: true}}) },
		"reserved":    func() { reserved.reserve(id(), target()) },
		"specialised": func() { reserved.specialised(id()) },
		"told":        func() { reserved.told(id()) },
		"released":    func() { reserved.release(id()) },
		"lost":        func() { reserved.lose(id()) },
		"drained": func() {
			if random.IntN(4) == 0 {
				x.drain(id())
			}
		},
		"a server begins": func() {
			of := target()
			x.begin(faas.Worker{ID: fmt.Sprint("s", random.IntN(10)), Key: of.Key, ProjectID: of.ProjectID}, of)
		},
		"a server is up":    func() { x.end(fmt.Sprint("s", random.IntN(10)), true) },
		"a server is not":   func() { x.end(fmt.Sprint("s", random.IntN(10)), false) },
		"memory is learnt":  func() { of := target(); index.SetMemory(of.Key, of.MemorySize) },
		"the time goes on":  func() { now = now.Add(time.Duration(random.IntN(3000)) * time.Millisecond) },
		"a server is shown": func() { x.apply([]orchestrator.Change{{Worker: shownServer(random, target())}}) },
	}
	names := slices.Sorted(maps.Keys(steps))
	for step := range 3000 {
		name := names[random.IntN(len(names))]
		steps[name]()
		if got, want := kept(x), rebuilt(x, now); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, step %d (%s):\nkept    %+v\nrebuilt %+v", seed, step, name, got, want)
		}
	}
	for id := range maps.Clone(x.entries) {
		x.apply([]orchestrator.Change{{Worker: faas.Worker{ID: id}, Gone: true}})
	}
	o := x.owned
	if n := len(x.entries) + len(x.timed) + len(o.held) + len(o.memory) + len(o.of) + len(o.keys) + len(o.known) + len(o.unknown) +
		len(x.free.of); n != 0 {
		t.Errorf("seed %d: something is left of workers that are gone: %+v", seed, x)
	}
}

func shownServer(random *rand.Rand, of faas.Target) faas.Worker {
	return faas.Worker{
		ID:        fmt.Sprint("s", random.IntN(10)),
		Key:       of.Key,
		ProjectID: of.ProjectID,
		Ready:     random.IntN(2) == 0,
	}
}

// TestServerThatCameUpIsKeptUntilItIsShown has the orchestrator show it late, or never.
func TestServerThatCameUpIsKeptUntilItIsShown(t *testing.T) {
	now := time.Unix(0, 0)
	x := newWorkerSet("engine", func() time.Time { return now })
	index := Index{x}
	server := faas.Worker{ID: "s", Key: testTarget.Key, ProjectID: testTarget.ProjectID}
	x.begin(server, testTarget)
	x.end("s", true)
	if index.CountOwn(testTarget.Key) != 1 {
		t.Error("a server that came up is forgotten before it is shown")
	}
	now = now.Add(lostFor)
	if index.Workers(); index.CountOwn(testTarget.Key) != 0 {
		t.Error("a server that is never shown is kept")
	}
	x.begin(server, testTarget)
	x.end("s", true)
	server.Ready = true
	x.apply([]orchestrator.Change{{Worker: server}})
	now = now.Add(lostFor)
	if got := index.Workers(); len(got) != 1 || got[0] != server {
		t.Errorf("got %+v", got)
	}
}
