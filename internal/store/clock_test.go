package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestClocksThatDiffer has processes whose clocks are a minute off share leases of half a minute:
// none of them loses one early, none keeps one for long, and none takes a message for lost that is
// on its way.
func TestClocksThatDiffer(t *testing.T) {
	for database, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		t.Run(database, func(t *testing.T) {
			shifted := func(d time.Duration) *store.Store {
				return open(t, url, func() time.Time { return time.Now().Add(d) })
			}
			clocks := map[string]*store.Store{"right": shifted(0), "a minute behind": shifted(-time.Minute),
				"a minute ahead": shifted(time.Minute)}
			for name, writer := range clocks {
				held, called := enqueue(t, writer, 1)[0], execution()
				called.Lease = 30 * time.Second
				fatal(t, writer.Start(t.Context(), called))
				_, won, err := writer.Claim(t.Context(), held, "engine", 30*time.Second)
				if err != nil || !won {
					t.Fatalf("%s: claimed %v, %v", name, won, err)
				}
				queued := enqueue(t, writer, 1)[0]
				everybodyLeaves(t, clocks, name, held, called.ID, queued)
				if lost, err := writer.RenewLeases(t.Context(), "engine", []string{held},
					-time.Second); err != nil || len(lost) != 0 {
					t.Fatalf("%s: renewed, but not %v, %v", name, lost, err)
				}
				var settled []string
				for _, other := range clocks {
					xs, err := other.SettleExpired(t.Context(), 10, nil)
					fatal(t, err)
					for _, x := range xs {
						settled = append(settled, x.ID)
					}
				}
				if !slices.Equal(settled, []string{held}) {
					t.Errorf("%s: the lease that is over was settled %v", name, settled)
				}
				fatal(t, writer.Finish(t.Context(), called.ID, ended))
				_, _, err = writer.Claim(t.Context(), queued, "engine", time.Hour) // out of the way of the next
				fatal(t, err)
			}
		})
	}
}

// everybodyLeaves has every process look for what is to be repaired: there is nothing.
func everybodyLeaves(t *testing.T, clocks map[string]*store.Store, writer string, running ...string) {
	t.Helper()
	for name, s := range clocks {
		settled, err := s.SettleExpired(t.Context(), 10, nil)
		fatal(t, err)
		stale, err := s.DueItems(
			t.Context(), store.DueQuery{Shards: allShards(s), Room: map[string]int{store.LostMessage: 10}},
		)
		fatal(t, err)
		if len(settled) != 0 || len(stale) != 0 {
			t.Errorf("%s settles %v and takes the messages of %v for lost, of one that is %s", name, settled, stale,
				writer)
		}
	}
	for _, id := range running {
		x, err := clocks[writer].Execution(t.Context(), faas.AnyProject(), id)
		if err != nil || x.Status.Ended() {
			t.Errorf("%s: %+v, %v", writer, x, err)
		}
	}
}
