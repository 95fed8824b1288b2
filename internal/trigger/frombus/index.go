package frombus

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// Index knows triggers by what a notification says: the active ones of notifications by their
// projects, so that to find who wants a notification is one look into a map, and one comparison for
// each trigger of that project; or those of containers in Swift. Keep keeps it in step with the
// database. It is safe for concurrent use.
type Index struct {
	cfg    IndexConfig
	source faas.TriggerSource
	read   func(faas.Trigger) (*entry, error) // nil for a trigger that wants nothing now

	mu    sync.RWMutex
	byID  map[string]*entry
	byKey map[string][]*entry // the slices are never changed, only replaced

	loaded  chan struct{} // closed when every trigger has been read
	changed chan struct{} // holds a token while there is news
	news    news
}

// entry is a trigger with what it is found by, and what is compared.
type entry struct {
	trigger  faas.Trigger
	key      string
	settings Settings
}

// NewIndex returns an index of triggers of notifications. It knows none until Keep has run.
func NewIndex(cfg IndexConfig) *Index { return newIndex(cfg, faas.TriggerNotification, readNotified) }

func newIndex(cfg IndexConfig, source faas.TriggerSource, read func(faas.Trigger) (*entry, error)) *Index {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Every <= 0 {
		cfg.Every = defaultEvery
	}
	if cfg.page <= 0 {
		cfg.page = defaultPage
	}
	return &Index{
		cfg: cfg, source: source, read: read, byID: map[string]*entry{}, byKey: map[string][]*entry{},
		loaded: make(chan struct{}), changed: make(chan struct{}, 1),
	}
}

// Loaded is closed when every trigger has been read. Before that nobody can say that a notification
// is wanted by none.
func (x *Index) Loaded() <-chan struct{} { return x.loaded }

// of returns the triggers of a project, or of a container by its containerKey.
func (x *Index) of(key []byte) []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byKey[string(key)]
}

// wants reports whether a trigger wants a notification, its filter apart.
func (e *entry) wants(n *notification) bool {
	return matches(e.settings.EventType, n.eventType) && matches(e.settings.Publisher, n.publisher)
}

// readNotified reads a trigger of notifications.
func readNotified(t faas.Trigger) (*entry, error) {
	if t.Status != faas.TriggerActive {
		return nil, nil
	}
	settings, err := ParseSettings(json.RawMessage(t.Settings))
	return &entry{trigger: t, key: t.ProjectID, settings: settings}, err
}

// newEntry returns the entry of a trigger; nil for one that wants nothing now.
func (x *Index) newEntry(t faas.Trigger) *entry {
	if t.Source != x.source || t.ProjectID == "" {
		return nil
	}
	e, err := x.read(t)
	if err != nil {
		x.cfg.Log.Error("the settings of a trigger cannot be read; it hears nothing", "trigger_id", t.ID,
			"error", err)
		return nil
	}
	return e
}

// replace has the index know these entries and no others.
func (x *Index) replace(all []*entry) {
	byID, byKey := make(map[string]*entry, len(all)), map[string][]*entry{}
	for _, e := range all {
		byID[e.trigger.ID] = e
		byKey[e.key] = append(byKey[e.key], e)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID, x.byKey = byID, byKey
}

// update has the index know these triggers as they are now. One of ids that is not among them is
// gone.
func (x *Index) update(ids []string, now []faas.Trigger) {
	entries := map[string]*entry{}
	for _, t := range now {
		entries[t.ID] = x.newEntry(t)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		if old := x.byID[id]; old != nil {
			x.forget(old)
		}
		if e := entries[id]; e != nil {
			x.byID[id] = e
			x.byKey[e.key] = append(slices.Clone(x.byKey[e.key]), e)
		}
	}
}

// forget takes an entry out. The caller holds mu.
func (x *Index) forget(e *entry) {
	delete(x.byID, e.trigger.ID)
	rest := slices.DeleteFunc(slices.Clone(x.byKey[e.key]), func(other *entry) bool { return other == e })
	if len(rest) == 0 {
		delete(x.byKey, e.key)
		return
	}
	x.byKey[e.key] = rest
}

// Len returns how many triggers want something.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byID)
}
