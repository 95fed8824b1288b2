package frombus

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Triggers are what the index reads: the store.
type Triggers interface {
	TriggersOf(ctx context.Context, source faas.TriggerSource, after string, limit int) ([]faas.Trigger, error)
	Trigger(ctx context.Context, scope faas.Scope, id string) (faas.Trigger, error)
}

// IndexConfig is what an Index needs. Triggers is required.
type IndexConfig struct {
	Triggers Triggers
	Every    time.Duration // how often all are read, for news may be lost: a minute
	Log      *slog.Logger  // nil: slog.Default()

	page int // how many are read at a time: 1,000
}

const (
	defaultEvery = time.Minute
	defaultPage  = 1000
	// mostNews is how many triggers that changed are read one by one. When there are more, all are.
	mostNews = 200
	// retryPause is how long to wait before the database is asked again that did not answer.
	retryPause = time.Second
)

// news is which triggers have changed.
type news struct {
	mu  sync.Mutex
	ids map[string]struct{}
	all bool // too many to remember which
}

// Changed says that triggers were made, changed, paused, resumed or deleted. The index reads them
// soon.
func (x *Index) Changed(ids ...string) {
	x.news.add(ids)
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

func (n *news) add(ids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids == nil {
		n.ids = map[string]struct{}{}
	}
	for _, id := range ids {
		if len(n.ids) >= mostNews {
			n.all = true
		}
		if n.all {
			break
		}
		n.ids[id] = struct{}{}
	}
}

// take returns the news and forgets them.
func (n *news) take() (ids []string, all bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids, all = slices.Collect(maps.Keys(n.ids)), n.all
	n.ids, n.all = nil, false
	return ids, all
}

// Keep keeps the index in step with the database until ctx ends: it reads every trigger at first
// and again each Every, and those that it hears news of.
func (x *Index) Keep(ctx context.Context) {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			due.Reset(x.readAll(ctx))
		case <-x.changed:
			ids, all := x.news.take()
			if all || x.readSome(ctx, ids) != nil {
				due.Reset(0) // a token that is still in the channel goes with it
			}
		}
	}
}

// readAll reads every trigger, and returns when to do so again.
func (x *Index) readAll(ctx context.Context) (again time.Duration) {
	var all []*entry
	for after := ""; ; {
		some, err := x.cfg.Triggers.TriggersOf(ctx, x.source, after, x.cfg.page)
		if err != nil {
			if ctx.Err() == nil {
				x.cfg.Log.Warn("the triggers that notifications are for could not be read; tried again", "source",
					string(x.source), "error", err)
			}
			return retryPause
		}
		for _, t := range some {
			if e := x.newEntry(t); e != nil {
				all = append(all, e)
			}
		}
		if len(some) < x.cfg.page {
			break
		}
		after = some[len(some)-1].ID
	}
	x.replace(all)
	select {
	case <-x.loaded:
	default:
		close(x.loaded)
	}
	return x.cfg.Every
}

// readSome reads triggers that have changed.
func (x *Index) readSome(ctx context.Context, ids []string) error {
	var now []faas.Trigger
	for _, id := range ids {
		t, err := x.cfg.Triggers.Trigger(ctx, faas.AnyProject(), id)
		switch {
		case err == nil:
			now = append(now, t)
		case faas.KindOf(err) != faas.NotFound:
			if ctx.Err() == nil {
				x.cfg.Log.Warn("a trigger that changed could not be read; all are read instead", "trigger_id",
					id, "error", err)
			}
			return err
		}
	}
	x.update(ids, now)
	return nil
}
