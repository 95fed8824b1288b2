package frombus

import (
	"encoding/json"
	"log/slog"
	"slices"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// Index knows the active notification triggers by their projects, so that to find who wants a
// notification is one look into a map, and one comparison for each trigger of that project. Keep
// keeps it in step with the database. It is safe for concurrent use.
type Index struct {
	cfg IndexConfig

	mu        sync.RWMutex
	byID      map[string]*entry
	byProject map[string][]*entry // the slices are never changed, only replaced

	loaded  chan struct{} // closed when every trigger has been read
	changed chan struct{} // holds a token while there is news
	news    news
}

// entry is a trigger with what is compared.
type entry struct {
	trigger  faas.Trigger
	settings Settings
}

// NewIndex returns an index that knows no trigger until Keep has run.
func NewIndex(cfg IndexConfig) *Index {
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
		cfg: cfg, byID: map[string]*entry{}, byProject: map[string][]*entry{},
		loaded: make(chan struct{}), changed: make(chan struct{}, 1),
	}
}

// Loaded is closed when every trigger has been read. Before that nobody can say that a notification
// is wanted by none.
func (x *Index) Loaded() <-chan struct{} { return x.loaded }

// of returns the triggers of a project.
func (x *Index) of(project []byte) []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byProject[string(project)]
}

// wants reports whether a trigger wants a notification, its filter apart.
func (e *entry) wants(n *notification) bool {
	return matches(e.settings.EventType, n.eventType) && matches(e.settings.Publisher, n.publisher)
}

// newEntry returns the entry of a trigger; nil for one that wants nothing now.
func (x *Index) newEntry(t faas.Trigger) *entry {
	if t.Source != faas.TriggerNotification || t.Status != faas.TriggerActive || t.ProjectID == "" {
		return nil
	}
	settings, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		x.cfg.Log.Error("the settings of a trigger cannot be read; it hears nothing", "trigger_id", t.ID,
			"error", err)
		return nil
	}
	return &entry{trigger: t, settings: settings}
}

// replace has the index know these triggers and no others.
func (x *Index) replace(all []faas.Trigger) {
	byID, byProject := make(map[string]*entry, len(all)), map[string][]*entry{}
	for _, t := range all {
		if e := x.newEntry(t); e != nil {
			byID[t.ID] = e
			byProject[t.ProjectID] = append(byProject[t.ProjectID], e)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID, x.byProject = byID, byProject
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
			project := e.trigger.ProjectID
			x.byProject[project] = append(slices.Clone(x.byProject[project]), e)
		}
	}
}

// forget takes an entry out. The caller holds mu.
func (x *Index) forget(e *entry) {
	project := e.trigger.ProjectID
	delete(x.byID, e.trigger.ID)
	rest := slices.DeleteFunc(slices.Clone(x.byProject[project]), func(other *entry) bool { return other == e })
	if len(rest) == 0 {
		delete(x.byProject, project)
		return
	}
	x.byProject[project] = rest
}

// Len returns how many triggers want something.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.byID)
}
