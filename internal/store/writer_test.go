package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// TestOrderOfAnExecution has starts and endings of many executions come so close together that the
// start is on its way when the ending comes: no ending overtakes its start.
func TestOrderOfAnExecution(t *testing.T) {
	for name, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		t.Run(name, func(t *testing.T) {
			storetest.Migrate(t, url)
			s, err := store.Open(t.Context(), url, store.Options{StartDelay: 50 * time.Microsecond, Writers: 4})
			fatal(t, err)
			defer s.Close()
			var callers sync.WaitGroup
			for range 20 {
				callers.Go(func() {
					for range 20 {
						inOrder(t, s)
					}
				})
			}
			callers.Wait()
		})
	}
}

func inOrder(t *testing.T, s *store.Store) {
	ctx, x := t.Context(), execution()
	x.Owner = "engine"
	if err := s.Start(ctx, x); err != nil {
		t.Error(err)
	}
	if lost, err := s.RenewLeases(ctx, "engine", []string{x.ID}, time.Hour); err != nil || len(lost) != 0 {
		t.Errorf("lost %v, %v", lost, err)
	}
	y := execution()
	if err := s.Start(ctx, y); err != nil {
		t.Error(err)
	}
	for _, id := range []string{y.ID, x.ID} {
		if err := s.Finish(ctx, id, ended); err != nil {
			t.Error(err)
		}
		if err := s.Finish(ctx, id, ended); faas.KindOf(err) != faas.Conflict {
			t.Errorf("ended twice: %v", err)
		}
	}
}

// TestCallsWaitForNobody has maintenance and changes of resources take long, and a function's row
// be locked by another process: calls of that function are recorded meanwhile.
func TestCallsWaitForNobody(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	s := open(t, url, nil)
	f := newFunction(t, s)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	lock, err := db.BeginTx(t.Context(), nil)
	fatal(t, err)
	var id string
	fatal(t, lock.QueryRowContext(t.Context(), "SELECT id FROM functions WHERE id = ? FOR UPDATE", f.ID).Scan(&id))
	release := make(chan struct{})
	s.HoldOthers(t.Context(), release)
	for range 10 {
		x := execution()
		x.FunctionID = f.ID
		fatal(t, s.Start(t.Context(), x))
		fatal(t, s.Finish(t.Context(), x.ID, ended))
	}
	close(release)
	fatal(t, lock.Rollback())
	fatal(t, s.Close())
	counted(t, url, f.ID, 10)
}

// TestHostThatIsLost has a host vanish, as the server sees it, in the middle of a packet and
// between the statements of a transaction. What it was about to write is another's to write soon.
func TestHostThatIsLost(t *testing.T) {
	server := mariadb(t)
	direct := migrated(t)
	other := openPatiently(t, direct)
	f := newFunction(t, other)
	r := newRelay(t, server.Address())
	lost := r.open(t, direct, store.Options{StartDelay: -1})
	var callers sync.WaitGroup
	defer func() { callers.Wait(); fatal(t, lost.Close()) }()

	x := execution()
	fatal(t, lost.Start(t.Context(), x))
	fatal(t, second(lost.SettleExpired(t.Context(), 1, nil))) // has starts written
	packet := r.set(half, "; COMMIT")
	defer close(packet.release)
	callers.Go(func() {
		if err := lost.Finish(t.Context(), x.ID, ended); faas.KindOf(err) != faas.Conflict {
			t.Errorf("ended twice: %v", err)
		}
	})
	<-packet.sprung
	fatal(t, other.Finish(t.Context(), x.ID, ended))

	between := r.set(stuck, "UPDATE functions SET")
	defer close(between.release)
	name := "lost"
	callers.Go(func() {
		_, _ = lost.UpdateFunction(t.Context(), project, f.ID, store.FunctionChange{Name: &name})
	})
	<-between.sprung // the row is locked by what came before
	wanted := "wanted"
	if got, err := other.UpdateFunction(t.Context(), project, f.ID, store.FunctionChange{Name: &wanted}); err != nil ||
		got.Name != wanted {
		t.Errorf("while another host is lost that has locked the row: %+v, %v", got, err)
	}
}

// openPatiently opens a store whose callers wait as long as a server may keep the locks of a lost
// host.
func openPatiently(t *testing.T, url string) *store.Store {
	t.Helper()
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{WriteTimeout: time.Minute})
	fatal(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
