package several

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/orchestratortest"
)

// TestConformance runs every orchestrator's tests with one and with two clusters.
func TestConformance(t *testing.T) {
	for name, machines := range map[string]int{"one": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			orchestratortest.Run(t, func(t *testing.T) orchestratortest.Subject {
				c := newCloud(t, machines, nil)
				return orchestratortest.Subject{
					Orchestrator: c.Orchestrator, Python: "python3", Other: "nodejs", Missing: "cobol85",
					KillAgent:   func(t *testing.T, id string) { kill(t, c.agentOf(t, id)) },
					KillRuntime: func(t *testing.T, id string) { kill(t, childOf(t, c.agentOf(t, id))) },
				}
			})
		})
	}
}

// TestClusterIsLost cuts a cluster off, and lets it come back.
func TestClusterIsLost(t *testing.T) {
	c := newCloud(t, 2, nil).closing()
	c.must(c.set(orchestrator.Pool{Size: 4}))
	c.await("2 2")
	drain(c.Rearranged())
	b := c.machines[1]
	b.workers.Store(true)
	b.api.Store(true)
	c.await("2 0")
	c.shows(`faas_cluster_answers{cluster="a"} 1`, `faas_cluster_answers{cluster="b"} 0`,
		`faas_cluster_workers{cluster="a"} 2`, `faas_cluster_workers{cluster="b"} 0`)
	<-c.Rearranged()
	for _, w := range b.Workers() {
		err := c.Claimed(t.Context(), w.ID, orchestrator.Claim{})
		if faas.KindOf(err) != faas.NotFound {
			t.Errorf("a claim of a worker of a cluster that is lost: %v", err)
		}
	}
	c.must(c.set(orchestrator.Pool{Size: 4}))
	c.await("4 0")
	drain(c.Rearranged())

	b.workers.Store(false)
	b.api.Store(false)
	c.await("4 2")
	<-c.Rearranged()
	c.must(c.set(orchestrator.Pool{Size: 4}))
	c.await("2 2")
}

// TestWorkersThatDoNotComeBack are those that their cluster shows and that do not answer.
func TestWorkersThatDoNotComeBack(t *testing.T) {
	c := newCloud(t, 2, nil).closing()
	c.must(c.set(orchestrator.Pool{Size: 2}))
	c.await("1 1")
	b := c.machines[1]
	old := b.Workers()[0].ID
	b.workers.Store(true)
	b.api.Store(true)
	c.await("1 0")
	b.api.Store(false)
	changes := b.Watch(t.Context())
	for gone := false; !gone; { // it is removed: so that its cluster puts another in its place
		for _, change := range <-changes {
			gone = gone || change.Gone && change.Worker.ID == old
		}
	}
	b.workers.Store(false)
	c.await("1 1")
}

// TestOneOfBothIsNotBelieved: an API alone, or workers alone, may be silent for other reasons.
func TestOneOfBothIsNotBelieved(t *testing.T) {
	c := newCloud(t, 2, nil).closing()
	c.must(c.set(orchestrator.Pool{Size: 2}))
	c.await("1 1")
	drain(c.Rearranged())
	a, b := c.machines[0], c.machines[1]
	b.api.Store(true)
	<-c.Rearranged() // it is silent, and gets no new workers
	c.must(c.set(orchestrator.Pool{Size: 3}))
	c.await("3 1")
	b.api.Store(false)
	<-c.Rearranged()
	b.workers.Store(true)
	c.must(c.set(orchestrator.Pool{Size: 2}))
	c.await("1 1")
	b.workers.Store(false)

	// The last one is never lost: there is nothing to go to.
	for _, m := range []*machine{a, b} {
		m.workers.Store(true)
		m.api.Store(true)
	}
	for range 2 {
		<-c.Rearranged()
	}
	if got := c.count(); got == "0 0" {
		t.Error("both clusters are lost")
	}
}

// TestPlacement puts runtimes where the labels are.
func TestPlacement(t *testing.T) {
	c := newCloud(t, 3, func(cfg *Config) {
		cfg.Clusters[2].Labels["gpu"] = "yes"
		cfg.Clusters[2].Reserved = true
	}).closing()
	for _, step := range []struct{ placement, want string }{
		{"zone=b", "0 2 0"}, {"zone=a", "2 0 0"}, {"", "1 1 0"}, {"gpu=yes", "0 0 2"}, {"gpu=yes,zone=c", "0 0 2"},
	} {
		c.must(c.set(orchestrator.Pool{Size: 2, Placement: faas.Placement(step.placement)}))
		c.await(step.want)
	}
	err := c.set(orchestrator.Pool{Size: 2, Placement: "gpu=yes,zone=a"})
	if faas.KindOf(err) != faas.Invalid {
		t.Errorf("labels that no cluster has: %v", err)
	}
}

// refusing is a cluster that can have no pool.
type refusing struct {
	Member
	err error
}

func (r *refusing) SetPool(ctx context.Context, pool orchestrator.Pool) error {
	if pool.Size > 0 {
		return r.err
	}
	return r.Member.SetPool(ctx, pool)
}

// TestOthersHaveWhatOneCannot: there is an error only if no cluster can have the pool.
func TestOthersHaveWhatOneCannot(t *testing.T) {
	back := &orchestrator.WentBackError{Image: "old", Reason: errors.New("no worker came up")}
	refuse := func(cfg *Config, i int, err error) {
		open := cfg.Clusters[i].Open
		cfg.Clusters[i].Open = func(ctx context.Context) (Member, error) {
			m, failed := open(ctx)
			return &refusing{m, err}, failed
		}
	}
	c := newCloud(t, 2, func(cfg *Config) { refuse(cfg, 0, back) }).closing()
	c.must(c.set(orchestrator.Pool{Size: 3}))
	c.await("0 3")

	none := newCloud(t, 2, func(cfg *Config) {
		refuse(cfg, 0, faas.Errorf(faas.Unavailable, "There is no room."))
		refuse(cfg, 1, back)
	}).closing()
	gone := faas.Errorf(faas.Conflict, "It was deleted.")
	deleted := newCloud(t, 2, func(cfg *Config) { refuse(cfg, 0, gone) }).closing()
	if err := deleted.set(orchestrator.Pool{Size: 3}); faas.KindOf(err) != faas.Conflict {
		t.Errorf("a pool that was deleted meanwhile: %v", err)
	}
	var wentBack *orchestrator.WentBackError
	if err := none.set(orchestrator.Pool{Size: 1}); !errors.As(err, &wentBack) || wentBack.Image != "old" {
		t.Errorf("a pool that no cluster can have: %v", err)
	}
}

// TestStartsWithoutOne starts while a cluster cannot be opened.
func TestStartsWithoutOne(t *testing.T) {
	c := newCloud(t, 2, func(cfg *Config) {
		open, first := cfg.Clusters[1].Open, true
		cfg.Retry = 1
		cfg.Clusters[1].Open = func(ctx context.Context) (Member, error) {
			if first {
				first = false
				return nil, errors.New("it is not there yet")
			}
			return open(ctx)
		}
	}).closing()
	c.must(c.set(orchestrator.Pool{Size: 2}))
	for c.count() != "1 1" {
		<-c.Rearranged()
		c.must(c.set(orchestrator.Pool{Size: 2}))
	}

	none := []Cluster{{Name: "a", Open: func(context.Context) (Member, error) {
		return nil, errors.New("no such file")
	}}}
	_, err := New(t.Context(), Config{Log: slog.New(slog.DiscardHandler), Clusters: none})
	if err == nil {
		t.Error("there is no cluster, and no error")
	}
}

func drain(signal <-chan struct{}) {
	select {
	case <-signal:
	default:
	}
}
