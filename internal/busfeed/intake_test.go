package busfeed

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
)

// counting counts what became of events.
type counting struct {
	trigger.Taker
	mu       sync.Mutex
	outcomes map[trigger.Outcome]int
}

func (c *counting) Take(ctx context.Context, t faas.Trigger, e event.Event) (trigger.Taken, error) {
	taken, err := c.Taker.Take(ctx, t, e)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.outcomes[taken.Outcome]++
	}
	return taken, err
}

func (c *counting) of(o trigger.Outcome) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outcomes[o]
}

// TestOnce cuts the connection when notifications are recorded as executions and not acknowledged.
// They come again, are counted as duplicates, and each is one execution.
func TestOnce(t *testing.T) {
	const project, all = "p", 40
	url := "sqlite:///" + filepath.Join(t.TempDir(), "faas.sqlite")
	storetest.Migrate(t, url)
	s, err := store.Open(t.Context(), url, store.Options{})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	function, err := s.CreateFunction(t.Context(), faas.Function{
		ProjectID: project, Name: "f", Code: faas.Code{Source: faas.SourceImage, Image: "registry.example.org/f"},
	}, nil)
	must(t, err)
	_, err = s.CreateTrigger(t.Context(), faas.Trigger{
		ProjectID: project, Name: "t", Calls: faas.FunctionRef{FunctionID: function.ID},
		Source:   faas.TriggerNotification,
		Settings: `{"event_type":"volume.*"}`, Status: faas.TriggerActive,
		Filter: `[{"data": {"exact": {"wanted": "yes"}}}]`,
	}, nil)
	must(t, err)
	bus := broker.NewInProcess()
	t.Cleanup(func() { _ = bus.Close() })
	intake := trigger.NewIntake(trigger.Config{
		Store: s, Submit: submit.New(submit.Config{Executions: s.ExecutionLifecycle, Broker: bus}),
	})
	t.Cleanup(intake.Close)
	counted := &counting{Taker: intake, outcomes: map[trigger.Outcome]int{}}
	index := frombus.NewIndex(frombus.IndexConfig{Triggers: s})
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { index.Keep(ctx) })
	t.Cleanup(func() { stop(); keeping.Wait() })

	name, p := unique(t), startProxy(t)
	cloud := newService(t, name, true)
	sifter := frombus.NewSifter(frombus.SifterConfig{Index: index, Taker: counted})
	cut := make(chan struct{})
	var held atomic.Int64
	cfg := newHeard(nil).config(t, p.url(t), name)
	cfg.Ready = index.Loaded()
	cfg.Sift = func(body []byte) func(context.Context) error {
		bring := sifter.Sift(body)
		if bring == nil {
			return nil
		}
		return func(ctx context.Context) error {
			err := bring(ctx)
			held.Add(1)
			<-cut // what is recorded is acknowledged when the connection is gone
			return err
		}
	}
	f, _ := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))
	for i := range all {
		cloud.say(t, "notifications.info",
			fmt.Sprintf(`{"message_id":"m-%d","publisher_id":"volume.h","event_type":"volume.create.end",`+
				`"payload":{"tenant_id":"p","volume_id":"v","wanted":"%s"}}`, i, []string{"yes", "no"}[i%2]))
	}
	until(t, "as many as there is room for are recorded", func() bool { return held.Load() == defaultParallel })
	p.cut()
	close(cut)
	until(t, "all are taken", func() bool { return counted.of(trigger.Queued) == all/2 })
	until(t, "those that were recorded come again",
		func() bool { return counted.of(trigger.Duplicate) >= defaultParallel/2 })
	page, err := s.Executions(t.Context(), faas.OneProject(project), faas.Query{Limit: 1000})
	must(t, err)
	if n := len(page.Items); n != all/2 {
		t.Errorf("there are %d executions of %d notifications", n, all/2)
	}
	if n := counted.of(trigger.Filtered); n < all/2+defaultParallel/2 {
		t.Errorf("%d were filtered", n)
	}
}
