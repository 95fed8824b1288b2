package several

import (
	"context"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// imaging is a cluster whose containers run until they are ended.
type imaging struct {
	Member
	begun chan string // ids of executions and workers
}

func (i *imaging) RunImage(ctx context.Context, call orchestrator.ImageCall) (faas.Outcome, error) {
	i.begun <- call.ExecutionID
	<-ctx.Done()
	return faas.Outcome{Status: faas.ExecutionCancelled}, nil
}

func (i *imaging) StartServer(ctx context.Context, workerID string, _ faas.Target) error {
	i.begun <- workerID
	<-ctx.Done()
	return faas.Errorf(faas.Unavailable, "It did not come up in time.")
}

func (i *imaging) ForgetFunction(context.Context, string) {}

func (i *imaging) SweepUnused(context.Context) error { return nil }

// TestContainersOfALostCluster do not keep their callers waiting; nor do those of a service that
// stops.
func TestContainersOfALostCluster(t *testing.T) {
	begun := [2]chan string{make(chan string, 2), make(chan string, 2)}
	c := newCloud(t, 2, func(cfg *Config) {
		for i := range cfg.Clusters {
			open := cfg.Clusters[i].Open
			cfg.Clusters[i].Open = func(ctx context.Context) (Member, error) {
				m, err := open(ctx)
				return &imaging{m, begun[i]}, err
			}
		}
	})
	ended := make(chan error, 4)
	run := func(id string) {
		go func() {
			_, err := c.RunImage(t.Context(), orchestrator.ImageCall{ExecutionID: id})
			ended <- err
		}()
	}
	run("one")
	run("two")
	<-begun[0] // one is in each
	<-begun[1]
	go func() { ended <- c.StartServer(t.Context(), "three", faas.Target{}) }()
	go func() { ended <- c.StartServer(t.Context(), "four", faas.Target{}) }()
	<-begun[0]
	<-begun[1]
	b := c.machines[1]
	b.workers.Store(true)
	b.api.Store(true)
	kinds := map[faas.Kind]int{}
	for range 2 {
		err := <-ended
		kinds[faas.KindOf(err)]++
		if err == nil || !strings.Contains(err.Error(), "cluster b does not answer") {
			t.Errorf("in a lost cluster: %v", err)
		}
	}
	if kinds[faas.Internal] != 1 || kinds[faas.Unavailable] != 1 {
		t.Errorf("the container may have run, the server comes up elsewhere: %v", kinds)
	}
	c.must(c.Close())
	for range 2 {
		if err := <-ended; err == nil {
			t.Error("a container outlived the service")
		}
	}
}
