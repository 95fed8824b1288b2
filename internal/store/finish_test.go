package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestUpgradeIsFinished has a database of before there were contents go on with records that the
// release before reads, until it is said that none of its processes is left. Records of both kinds
// are read whole, by whoever wrote the others.
func TestUpgradeIsFinished(t *testing.T) {
	for name, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			before := open(t, url, nil)
			fatal(t, before.OnChores(ctx, "DELETE FROM schema_contracts")) // as an upgraded database has it
			upgraded := open(t, url, nil)
			long := strings.Repeat("long ", 2000)
			old, queued := endedWith(t, upgraded, long), execution()
			queued.Input = long
			fatal(t, upgraded.Enqueue(ctx, queued))
			if n, err := upgraded.Contents(ctx); err != nil || n != 0 {
				t.Errorf("%d texts are kept where the release before does not look, %v", n, err)
			}

			fatal(t, upgraded.AnnounceProcess(ctx, store.Process{Name: "old", Program: "faas-engine", Version: "v1"}))
			fatal(t, upgraded.OnChores(ctx, "UPDATE processes SET migration = 29"))
			err := store.FinishUpgrade(ctx, url)
			if err == nil || !strings.Contains(err.Error(), "faas-engine old (v1)") {
				t.Errorf("finished beside a process of the release before: %v", err)
			}
			if n, _ := endedApart(t, open(t, url, nil), long); n != 0 {
				t.Errorf("%d texts are apart after a refusal", n)
			}
			fatal(t, upgraded.RemoveProcess(ctx, "old"))
			for range 2 {
				fatal(t, store.FinishUpgrade(ctx, url))
			}
			finished := open(t, url, nil)
			n, young := endedApart(t, finished, long)
			if n != 3 {
				t.Errorf("%d of three long texts are apart", n)
			}
			for _, s := range []*store.Store{upgraded, finished} { // the first runs on as it is
				for _, id := range []string{old, young} {
					x, err := s.Execution(ctx, project, id)
					log, failed := s.ExecutionLog(ctx, project, id)
					if err != nil || failed != nil || x.Input != long || x.Result != long || log != long {
						t.Errorf("came back with %d, %d and %d bytes of %d, %v, %v", len(x.Input), len(x.Result), len(log), len(long), err, failed)
					}
				}
			}
			x, won, err := finished.Claim(ctx, queued.ID, "engine", time.Minute)
			if err != nil || !won || x.Input != long {
				t.Errorf("claimed %v with %d bytes of %d, %v", won, len(x.Input), len(long), err)
			}
			fatal(t, upgraded.Finish(ctx, queued.ID, store.Ending{Status: faas.ExecutionSuccess, Result: long, Log: long}))
			x, err = finished.Execution(ctx, project, queued.ID)
			if err != nil || x.Result != long {
				t.Errorf("one that has not been restarted wrote %d bytes of %d, %v", len(x.Result), len(long), err)
			}
		})
	}
}

func endedWith(t *testing.T, s *store.Store, text string) string {
	t.Helper()
	x := execution()
	x.Input = text
	fatal(t, s.Start(t.Context(), x))
	fatal(t, s.Finish(t.Context(), x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: text, Log: text}))
	return x.ID
}

func endedApart(t *testing.T, s *store.Store, text string) (apart int, id string) {
	t.Helper()
	id = endedWith(t, s, text)
	apart, err := s.Contents(t.Context())
	fatal(t, err)
	return apart, id
}
