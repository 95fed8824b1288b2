package frombus

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
	"github.com/openstack-faas/faas/pkg/lru"
)

// NewContainers returns an index of the triggers whose source is swift, each by its container.
func NewContainers(cfg IndexConfig) *Index {
	return newIndex(cfg, faas.TriggerSwift, func(t faas.Trigger) (*entry, error) {
		if !t.Wants() {
			return nil, nil
		}
		s, err := fromswift.ParseSettings(json.RawMessage(t.Settings))
		return &entry{trigger: faas.Trigger{ID: t.ID}, key: string(containerKey([]byte(t.ProjectID), s.Container))}, err
	})
}

// containerKey is what an index of containers finds a container by. There is no slash in a name.
func containerKey(project []byte, container string) []byte {
	key := make([]byte, 0, len(project)+1+len(container))
	return append(append(append(key, project...), '/'), container...)
}

// waking has triggers of containers look now. Of many notifications about one container few do: the
// look that was asked for last has not begun yet, and will find what each of them is about. That is
// also what bounds the looks that somebody causes who writes to it without end, or is refused.
type waking struct {
	wake func(ctx context.Context, triggerID string, after time.Duration) (sooner bool, err error)
	now  func() time.Time

	mu    sync.Mutex
	paces *lru.Cache[string, pace] // by the trigger's id
}

// pace is when a trigger looks that was woken.
type pace struct {
	next   time.Time // the look that was asked for last does not begin before
	earned time.Time // all looks so far are paid for then, of which each costs eachLook
}

const (
	// A trigger that is woken all the time looks each eachLook, and lookGap after the last at least.
	eachLook = 500 * time.Millisecond
	lookGap  = 100 * time.Millisecond
	// savedLooks may be had at once by one that was not woken for a while.
	savedLooks = 8
	pacesKept  = 50_000
)

func newWaking(
	wake func(ctx context.Context, triggerID string, after time.Duration) (sooner bool, err error),
	now func() time.Time,
) *waking {
	return &waking{wake: wake, now: now, paces: lru.New[string, pace](pacesKept)}
}

// due reports in which time a trigger is to look that is woken now, and whether it has to be told:
// not when it was already.
func (w *waking) due(triggerID string) (after time.Duration, tell bool) {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	p, _ := w.paces.Get(triggerID)
	if p.next.After(now) {
		return 0, false
	}
	next := latest(now, p.next.Add(lookGap), p.earned.Add(-(savedLooks-1)*eachLook))
	w.paces.Put(triggerID, pace{next: next, earned: latest(p.earned, next).Add(eachLook)})
	return next.Sub(now), true
}

// met is called when a look that was asked for before has not begun yet, so that there is none of
// its own for who was woken last. It may begin at any moment: whoever is woken next asks again.
func (w *waking) met(triggerID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, _ := w.paces.Get(triggerID)
	w.paces.Put(triggerID, pace{next: w.now(), earned: p.earned.Add(-eachLook)})
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// siftObject returns what wakes the triggers of the container that a notification is about; nil
// when none has to be told.
func (s *Sifter) siftObject(n *notification) func(context.Context) error {
	project, container, changed := fromswift.Woken(n.payload)
	var all []*entry
	if changed {
		all = s.cfg.Containers.of(containerKey(project, container))
	}
	if len(all) == 0 {
		s.results.count(resultUnwanted)
		return nil
	}
	looks := map[string]time.Time{}
	now := s.waking.now()
	for _, e := range all {
		after, tell := s.waking.due(e.trigger.ID)
		if !tell {
			s.results.count(resultAwaited)
			continue
		}
		looks[e.trigger.ID] = now.Add(after)
	}
	if len(looks) == 0 {
		return nil
	}
	return func(ctx context.Context) error { return s.wakeAll(ctx, looks) }
}

// wakeAll wakes triggers, and forgets those that were.
func (s *Sifter) wakeAll(ctx context.Context, looks map[string]time.Time) error {
	for id, at := range looks {
		sooner, err := s.waking.wake(ctx, id, max(0, at.Sub(s.waking.now())))
		if err != nil {
			return err
		}
		if !sooner {
			s.waking.met(id)
		}
		delete(looks, id)
		s.results.count(resultWoken)
	}
	return nil
}
