package store_test

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// manyCome has a hundred functions come at once, through two processes, of which ten are within the
// quota; and go again.
func manyCome(t *testing.T, stores [2]*store.Store) {
	r, err := stores[0].CreateRuntime(t.Context(), faas.Runtime{ProjectID: "many", Status: faas.RuntimeAvailable})
	fatal(t, err)
	limit := faas.Amounts{faas.ResourceFunctions: 10, faas.ResourcePackages: 10_000}
	var made, refused atomic.Int32
	var group sync.WaitGroup
	var ids sync.Map
	for n := range 100 {
		group.Go(func() {
			f, err := stores[n%2].CreateFunction(t.Context(), faas.Function{
				ProjectID: "many", RuntimeID: r.ID, Entry: "main.main", Code: faas.Code{Source: faas.SourcePackage, SHA256: "s", Size: 100},
			}, limit)
			switch faas.KindOf(err) {
			case "":
				made.Add(1)
				ids.Store(f.ID, n)
			case faas.OverQuota:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	scope := faas.OneProject("many")
	rows, err := stores[0].Functions(t.Context(), scope, faas.Query{})
	if err != nil || made.Load() != 10 || refused.Load() != 90 || len(rows.Items) != 10 {
		t.Errorf("%d were made, %d refused, %d are there, %v", made.Load(), refused.Load(), len(rows.Items), err)
	}
	uses(t, stores[1], "many", faas.Amounts{faas.ResourceFunctions: 10, faas.ResourcePackages: 1000})
	ids.Range(func(id, _ any) bool { // each goes once, though both are asked
		group.Go(func() { _, _ = stores[0].DeleteFunction(t.Context(), scope, id.(string)) })
		group.Go(func() { _, _ = stores[1].DeleteFunction(t.Context(), scope, id.(string)) })
		return true
	})
	group.Wait()
	uses(t, stores[1], "many", faas.Amounts{faas.ResourceFunctions: 0, faas.ResourcePackages: 0})
}

// TestFirstUseOfTwo has another process count what a project has none of just after it was found to
// have none: there is room for both.
func TestFirstUseOfTwo(t *testing.T) {
	url := migrated(t)
	one, other := open(t, url, nil), open(t, url, nil)
	for _, limit := range []int64{2, faas.Unlimited, 1} {
		project := fmt.Sprint("limit ", limit)
		first := sync.OnceFunc(func() {
			fatal(t, other.FirstUse(t.Context(), project, faas.ResourceFunctions, limit, func() {}))
		})
		err := one.FirstUse(t.Context(), project, faas.ResourceFunctions, limit, first)
		want := faas.Amounts{faas.ResourceFunctions: 2}
		if limit == 1 {
			want = faas.Amounts{faas.ResourceFunctions: 1}
			if err == nil || err.Error() != "Quota exceeded for functions: limit 1, in use 1." {
				t.Errorf("over the limit: %v", err)
			}
		} else if err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
		uses(t, one, project, want)
	}
}

func uses(t *testing.T, s *store.Store, project string, want faas.Amounts) {
	t.Helper()
	if got, err := s.QuotaUsage(t.Context(), project); err != nil || !maps.Equal(got, want) {
		t.Errorf("in use are %v, want %v; %v", got, want, err)
	}
}

// TestMendUsage has counts that a program from before the counts has left wrong.
func TestMendUsage(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	s := open(t, url, nil)
	f := newFunction(t, s)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	for _, change := range []string{
		`INSERT INTO quota_usages (project_id, resource, used) VALUES ('gone', 'functions', 7), ('gone', 'package_bytes', 0)`,
		`UPDATE functions SET code_size = 12 WHERE id = '` + f.ID + `'`,
		`UPDATE quota_usages SET used = 5 WHERE project_id = 'p' AND resource = 'functions'`,
	} {
		_, err := db.ExecContext(t.Context(), change)
		fatal(t, err)
	}
	for _, want := range []int{3, 0} {
		if n, err := s.RepairUsage(t.Context()); err != nil || n != want {
			t.Errorf("mended %d counts, want %d; %v", n, want, err)
		}
	}
	uses(t, s, "p", faas.Amounts{faas.ResourceFunctions: 1, faas.ResourcePackages: 12})
	uses(t, s, "gone", faas.Amounts{faas.ResourceFunctions: 0, faas.ResourcePackages: 0})
}

// bothSet has two processes set a project's first limits.
func bothSet(t *testing.T, stores [2]*store.Store) {
	for range rounds {
		limits := [2]int64{1, 2}
		var errs [2]error
		both(stores, func(n int, s *store.Store) {
			errs[n] = s.SetQuotas(t.Context(), "set", map[faas.Resource]*int64{faas.ResourceFunctions: &limits[n]})
		})
		got, err := stores[0].Quotas(t.Context(), "set")
		if n := got[faas.ResourceFunctions]; err != nil || errs[0] != nil || errs[1] != nil || n != 1 && n != 2 {
			t.Fatalf("set %v; %v, %v, %v", got, errs[0], errs[1], err)
		}
		fatal(t, stores[1].DeleteQuotas(t.Context(), "set"))
	}
}
