package api

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// imageForm is what image references may consist of; the registry or the orchestrator judges the
// rest.
var imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

func (o *object) image() *string {
	image := o.text("image", faas.MaxNameLength)
	if image != nil && !imageForm.MatchString(*image) {
		o.refuse("image must be the reference of a container image; it is %q.", short(*image))
	}
	return image
}

func (s *Server) createRuntime(r *http.Request, id faas.Identity) (any, error) {
	o, err := s.readObject(r, "image", "name", "description", "is_public", "trusted")
	if err != nil {
		return nil, err
	}
	image := o.image()
	runtime := faas.Runtime{
		ID: faas.NewID(), ProjectID: id.ProjectID, Status: faas.RuntimeCreating, CreatedAt: s.now(),
		Name: o.line("name"), Description: o.line("description"),
		IsPublic: o.flag("is_public", true), Trusted: o.flag("trusted", true),
	}
	if err := o.fault(); err != nil {
		return nil, err
	}
	if image == nil {
		return nil, faas.Errorf(faas.Invalid, "image is required: the container image that the runtime is made from.")
	}
	runtime.Image = *image
	if runtime, err = s.cfg.Store.CreateRuntime(r.Context(), runtime); err != nil {
		return nil, err
	}
	return created{viewRuntime(s.announceRuntime(r, runtime))}, nil
}

func (s *Server) listRuntimes(r *http.Request, id faas.Identity) (any, error) {
	l, scope, err := s.readListing(r, id, "runtime:get_all:all_projects")
	if err != nil {
		return nil, err
	}
	texts := func(r faas.Runtime) int { return len(r.Description) + len(r.StatusReason) }
	rows, err := readList(r, l.query, texts, func() (store.Page[faas.Runtime], error) {
		return s.cfg.Store.Runtimes(r.Context(), scope, l.query)
	})
	if err != nil {
		return nil, err
	}
	return page(s, r, "runtimes", rows, viewRuntime), nil
}

func (s *Server) getRuntime(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	runtime, err := s.cfg.Store.Runtime(r.Context(), s.runtimeScope(r, id), runtimeID)
	if err != nil {
		return nil, err
	}
	return viewRuntime(runtime), nil
}

func (s *Server) updateRuntime(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	o, err := s.readObject(r, "image", "name", "description")
	if err != nil {
		return nil, err
	}
	change := store.RuntimeChange{
		Name: o.text("name", maxLine), Description: o.text("description", maxLine), Image: o.image(),
	}
	if err := o.fault(); err != nil {
		return nil, err
	}
	return s.changeRuntime(r, s.runtimeScope(r, id), runtimeID, change)
}

// changeRuntime changes the record and, with a new image, has the engine bring the pool to it.
func (s *Server) changeRuntime(r *http.Request, scope faas.Scope, id string, change store.RuntimeChange) (any, error) {
	ctx := r.Context()
	before, err := s.cfg.Store.Runtime(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	upgrade := change.Image != nil && *change.Image != before.Image
	if upgrade && before.Status != faas.RuntimeAvailable && before.Status != faas.RuntimeError {
		return nil, faas.Errorf(
			faas.Conflict, "Runtime %s is %s; its image can be changed when it is available.", id,
			before.Status,
		)
	}
	runtime, err := s.cfg.Store.UpdateRuntime(ctx, scope, id, change)
	if err != nil || !upgrade {
		return viewRuntime(runtime), err
	}
	runtime.Status, runtime.StatusReason = faas.RuntimeUpgrading, ""
	if err := s.cfg.Store.SetRuntimeStatus(ctx, id, runtime.Status, ""); err != nil {
		return nil, err
	}
	return viewRuntime(s.announceRuntime(r, runtime)), nil
}

func (s *Server) deleteRuntime(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Store.DeleteRuntime(r.Context(), s.runtimeScope(r, id), runtimeID); err != nil {
		return nil, err
	}
	s.announceRuntime(r, faas.Runtime{ID: runtimeID})
	return noContent{}, nil
}

// announceTimeout bounds how long it may take to record that no engine could be told of a runtime.
const announceTimeout = 5 * time.Second

// announceRuntime has an engine bring the runtime's pool to what its row says, or to nothing when
// it has none. If no engine can be told, the runtime's status says so: an update of its image tries
// again.
func (s *Server) announceRuntime(r *http.Request, runtime faas.Runtime) faas.Runtime {
	err := s.cfg.Engines.RuntimeChanged(r.Context(), runtime.ID)
	if err == nil {
		return runtime
	}
	s.log.Error(
		"the engine could not be told of a runtime", "request_id", infoOf(r).id, "runtime_id", runtime.ID,
		"error", err,
	)
	if runtime.Status == "" {
		return runtime // deleted: its pool goes with the engine's next start
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), announceTimeout)
	defer cancel()
	runtime.Status, runtime.StatusReason = faas.RuntimeError, "No engine could be told of the runtime; set its image to try again."
	if err := s.cfg.Store.SetRuntimeStatus(ctx, runtime.ID, runtime.Status, runtime.StatusReason); err != nil {
		s.log.Error("a runtime's state cannot be recorded", "runtime_id", runtime.ID, "error", err)
	}
	return runtime
}

// getPool is GET /v1/runtimes/{id}/pool; the engine knows the pool.
func (s *Server) getPool(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	if _, err := s.cfg.Store.Runtime(r.Context(), s.runtimeScope(r, id), runtimeID); err != nil {
		return nil, err
	}
	pool, err := s.cfg.Engines.Pool(r.Context(), runtimeID)
	if err != nil {
		return nil, err
	}
	return poolView{Name: runtimeID, Capacity: poolCapacity{Total: pool.Total, Available: pool.Available}}, nil
}

// runtimeScope is whose runtimes the caller may name: who may list those of all projects may see to
// them, too, whichever administrator made them.
func (s *Server) runtimeScope(r *http.Request, id faas.Identity) faas.Scope {
	if s.cfg.Policy.Allow(r.Context(), id, "runtime:get_all:all_projects", policy.Target{}) == nil {
		return faas.AnyProject()
	}
	return faas.ProjectScope(id)
}
