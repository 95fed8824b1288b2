package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestRivals has two processes' stores do at once what must come out as if one had come after the
// other.
func TestRivals(t *testing.T) {
	for database, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		// its clock is ahead
		one, two := open(t, url, nil), open(t, url, func() time.Time { return time.Now().Add(time.Hour) })
		for name, test := range map[string]func(*testing.T, [2]*store.Store){
			"a runtime goes while a function comes": runtimeGoes,
			"a package goes while a function comes": packageGoes,
			"many come with one package":            onePackage,
			"two change a function":                 bothChange,
			"two settle, one renews":                bothSettle,
			"two delete":                            bothDelete,
			"many come at once":                     manyCome,
			"two set a quota":                       bothSet,
		} {
			t.Run(database+"/"+name, func(t *testing.T) { test(t, [2]*store.Store{one, two}) })
		}
	}
}

const rounds = 30

// both runs f for both stores at once.
func both(stores [2]*store.Store, f func(n int, s *store.Store)) {
	var group sync.WaitGroup
	for n, s := range stores {
		group.Go(func() { f(n, s) })
	}
	group.Wait()
}

var project = faas.OneProject("p")

func newFunction(t *testing.T, s *store.Store) faas.Function {
	t.Helper()
	r, err := s.CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
	fatal(t, err)
	f, err := s.CreateFunction(t.Context(), faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}, nil)
	fatal(t, err)
	return f
}

func runtimeGoes(t *testing.T, stores [2]*store.Store) {
	for range rounds {
		r, err := stores[0].CreateRuntime(t.Context(), faas.Runtime{ProjectID: "p", Status: faas.RuntimeAvailable})
		fatal(t, err)
		var came, went error
		both(stores, func(n int, s *store.Store) {
			if n == 0 {
				_, came = s.CreateFunction(t.Context(), faas.Function{ProjectID: "p", RuntimeID: r.ID, Entry: "main.main"}, nil)
				return
			}
			went = s.DeleteRuntime(t.Context(), project, r.ID)
		})
		switch {
		case came == nil && faas.KindOf(went) == faas.Conflict:
		case faas.KindOf(came) == faas.Invalid && went == nil:
		default:
			t.Errorf("the function: %v; the runtime: %v", came, went)
		}
	}
}

// packageGoes has a package deleted that a function comes with: announced or not, one of the two
// must hear that it cannot be.
func packageGoes(t *testing.T, stores [2]*store.Store) {
	f := newFunction(t, stores[0])
	for n := range 2 * rounds {
		sha256 := fmt.Sprint("p", n)
		if n%2 == 1 {
			fatal(t, stores[0].AnnouncePackage(t.Context(), sha256)) // which is given up by the other's clock
		}
		var came, failed error
		var taken *store.TakenPackage
		both(stores, func(n int, s *store.Store) {
			if n == 0 {
				_, came = s.CreateFunction(t.Context(), faas.Function{
					ProjectID: "p", RuntimeID: f.RuntimeID, Entry: "main.main", Code: faas.Code{Source: faas.SourcePackage, SHA256: sha256},
				}, nil)
				return
			}
			taken, _, failed = s.TakePackage(t.Context(), sha256, time.Minute)
		})
		fatal(t, failed)
		if (taken != nil) == (came == nil) || came != nil && faas.KindOf(came) != faas.Unavailable {
			t.Errorf("taken: %v; the function: %v", taken, came)
		}
	}
}

// onePackage has two processes record functions of the same package again and again.
func onePackage(t *testing.T, stores [2]*store.Store) {
	f := newFunction(t, stores[0])
	both(stores, func(_ int, s *store.Store) {
		for range rounds {
			err := s.AnnouncePackage(t.Context(), "same")
			if err == nil {
				_, err = s.CreateFunction(t.Context(), faas.Function{
					ProjectID: "p", RuntimeID: f.RuntimeID, Entry: "main.main", Code: faas.Code{Source: faas.SourcePackage, SHA256: "same"},
				}, nil)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func bothChange(t *testing.T, stores [2]*store.Store) {
	f := newFunction(t, stores[0])
	both(stores, func(n int, s *store.Store) {
		for i := range rounds {
			change := store.FunctionChange{Entry: new(fmt.Sprint("main.f", i))}
			if n == 1 {
				change = store.FunctionChange{CPU: new(1000 + i)}
			}
			_, err := s.UpdateFunction(t.Context(), project, f.ID, change)
			if err != nil {
				t.Error(err)
			}
		}
	})
	got, err := stores[0].Function(t.Context(), project, f.ID)
	if err != nil || got.Entry != fmt.Sprint("main.f", rounds-1) || got.CPU != 1000+rounds-1 ||
		got.Revision != 1+2*rounds {
		t.Errorf("a change was lost: %+v, %v", got, err)
	}
}

// enqueue records executions and returns their ids, sorted.
func enqueue(t *testing.T, s *store.Store, n int) []string {
	t.Helper()
	var ids []string
	for range n {
		x := execution()
		fatal(t, s.Enqueue(t.Context(), x))
		ids = append(ids, x.ID)
	}
	slices.Sort(ids)
	return ids
}

func bothSettle(t *testing.T, stores [2]*store.Store) {
	ids := enqueue(t, stores[0], rounds)
	for _, id := range ids {
		_, _, err := stores[0].Claim(t.Context(), id, "engine", -time.Minute)
		fatal(t, err)
	}
	var settled [2][]faas.Execution
	var lost []string
	var group sync.WaitGroup
	group.Go(func() {
		var err error
		if lost, err = stores[0].RenewLeases(t.Context(), "engine", ids[:rounds/2], time.Hour); err != nil {
			t.Error(err)
		}
	})
	both(stores, func(n int, s *store.Store) {
		var err error
		if settled[n], err = s.SettleExpired(t.Context(), rounds, nil); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	seen := map[string]bool{}
	for _, x := range slices.Concat(settled[0], settled[1]) {
		if seen[x.ID] {
			t.Errorf("%s was settled twice", x.ID)
		}
		seen[x.ID] = true
	}
	for n, id := range ids {
		if renewed := n < rounds/2 && !slices.Contains(lost, id); renewed == seen[id] {
			t.Errorf("%s: renewed %v, settled %v", id, renewed, seen[id])
		}
	}
}

func bothDelete(t *testing.T, stores [2]*store.Store) {
	for range rounds {
		f := newFunction(t, stores[0])
		var errs [2]error
		both(stores, func(n int, s *store.Store) { _, errs[n] = s.DeleteFunction(t.Context(), project, f.ID) })
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("of two one deletes: %v, %v", errs[0], errs[1])
		}
	}
}
