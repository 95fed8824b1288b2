package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// imageForm is what image references may consist of; the registry or the orchestrator judges the
// rest.
var imageForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

// imageField returns the field image; nil when it is not set.
func imageField(o *fields.Object) *string {
	image := o.Text("image", faas.MaxNameLength)
	if image != nil && !imageForm.MatchString(*image) {
		o.Refuse("image must be the reference of a container image; it is %q.", request.Short(*image))
	}
	return image
}

// withPlacement adds the field placement to those that a body may have, from V112 on.
func withPlacement(r *http.Request, known ...string) []string {
	if request.Of(r).Version.AtLeast(request.V112) {
		known = append(known, "placement")
	}
	return known
}

// placementField returns the field placement, an object of texts; nil when it is not set.
func placementField(o *fields.Object) *faas.Placement {
	raw, ok := o.Get("placement")
	if !ok {
		return nil
	}
	var labels map[string]string
	if json.Unmarshal(raw, &labels) != nil {
		o.Refuse("placement must be an object of labels, as in {\"zone\": \"a\"}; it is %s.", request.Short(string(raw)))
		return nil
	}
	placement, err := faas.NewPlacement(labels)
	if err != nil {
		o.Refuse("%s", err.Error())
		return nil
	}
	return &placement
}

// runtimeHandlers answer for /v1/runtimes.
type runtimeHandlers struct {
	store   *store.RuntimeStore
	engines *engineclient.Client // bring the pools to what the records say
	policy  *policy.Enforcer
	bodies  fields.Bodies
	lists   list.Reader
	log     *slog.Logger
	now     func() time.Time
}

func (h *runtimeHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	o, err := h.bodies.ReadObject(r, withPlacement(r, "image", "name", "description", "is_public", "trusted")...)
	if err != nil {
		return nil, err
	}
	image := imageField(o)
	runtime := faas.Runtime{
		ID: faas.NewID(), ProjectID: id.ProjectID, Status: faas.RuntimeCreating, CreatedAt: h.now(),
		Name: o.Line("name"), Description: o.Line("description"),
		IsPublic: o.Flag("is_public", true), Trusted: o.Flag("trusted", true),
		Placement: fields.ValueOr(placementField(o), ""),
	}
	if err := o.Fault(); err != nil {
		return nil, err
	}
	if image == nil {
		return nil, faas.Errorf(faas.Invalid, "image is required: the container image that the runtime is made from.")
	}
	runtime.Image = *image
	if runtime, err = h.store.CreateRuntime(r.Context(), runtime); err != nil {
		return nil, err
	}
	return answer.Created{Body: runtimeViewer(r)(h.announce(r, runtime))}, nil
}

func (h *runtimeHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Runtime, any]{
		Plural: "runtimes", Rule: "runtime:get_all:all_projects", Read: h.store.Runtimes, View: runtimeViewer(r),
		Texts: func(r faas.Runtime) int { return len(r.Description) + len(r.StatusReason) + len(r.Modules) },
	})
}

func (h *runtimeHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := request.PathIDOrName(r, id, h.store.RuntimeID)
	if err != nil {
		return nil, err
	}
	runtime, err := h.store.Runtime(r.Context(), runtimeScope(r, h.policy, id), runtimeID)
	if err != nil {
		return nil, err
	}
	return runtimeViewer(r)(runtime), nil
}

func (h *runtimeHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := request.PathIDOrName(r, id, h.store.RuntimeID)
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObject(r, withPlacement(r, "image", "name", "description")...)
	if err != nil {
		return nil, err
	}
	change := store.RuntimeChange{
		Name: o.Text("name", fields.MaxLine), Description: o.Text("description", fields.MaxLine), Image: imageField(o),
		Placement: placementField(o),
	}
	if err := o.Fault(); err != nil {
		return nil, err
	}
	return h.change(r, runtimeScope(r, h.policy, id), runtimeID, change)
}

// change changes the record and, with a new image or placement, has the engine bring the pool to it.
func (h *runtimeHandlers) change(
	r *http.Request,
	scope faas.Scope,
	id string,
	change store.RuntimeChange,
) (any, error) {
	ctx := r.Context()
	before, err := h.store.Runtime(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	upgrade := fields.ValueOr(change.Image, before.Image) != before.Image ||
		fields.ValueOr(change.Placement, before.Placement) != before.Placement
	if upgrade && before.Status != faas.RuntimeAvailable && before.Status != faas.RuntimeError {
		return nil, faas.Errorf(
			faas.Conflict, "Runtime %s is %s; its image and placement can be changed when it is available.", id,
			before.Status,
		)
	}
	runtime, err := h.store.UpdateRuntime(ctx, scope, id, change)
	if err != nil || !upgrade {
		return runtimeViewer(r)(runtime), err
	}
	runtime.Status, runtime.StatusReason = faas.RuntimeUpgrading, ""
	if err := h.store.SetRuntimeStatus(ctx, id, runtime.Status, ""); err != nil {
		return nil, err
	}
	return runtimeViewer(r)(h.announce(r, runtime)), nil
}

func (h *runtimeHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := request.PathIDOrName(r, id, h.store.RuntimeID)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteRuntime(r.Context(), runtimeScope(r, h.policy, id), runtimeID); err != nil {
		return nil, err
	}
	h.announce(r, faas.Runtime{ID: runtimeID})
	return answer.NoContent{}, nil
}

// announceTimeout bounds how long it may take to record that no engine could be told of a runtime.
const announceTimeout = 5 * time.Second

// announce has an engine bring the runtime's pool to what its row says, or to nothing when
// it has none. If no engine can be told, the runtime's status says so: an update of its image tries
// again.
func (h *runtimeHandlers) announce(r *http.Request, runtime faas.Runtime) faas.Runtime {
	err := h.engines.RuntimeChanged(r.Context(), runtime.ID)
	if err == nil {
		return runtime
	}
	h.log.Error(
		"the engine could not be told of a runtime", "request_id", request.Of(r).ID, "runtime_id", runtime.ID,
		"error", err,
	)
	if runtime.Status == "" {
		return runtime // deleted: its pool goes with the engine's next start
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), announceTimeout)
	defer cancel()
	runtime.Status, runtime.StatusReason = faas.RuntimeError, "No engine could be told of the runtime; set its image to try again."
	if err := h.store.SetRuntimeStatus(ctx, runtime.ID, runtime.Status, runtime.StatusReason); err != nil {
		h.log.Error("a runtime's state cannot be recorded", "runtime_id", runtime.ID, "error", err)
	}
	return runtime
}

// runtimeScope is whose runtimes the caller may name: who may list those of all projects may see to
// them, too, whichever administrator made them.
func runtimeScope(r *http.Request, rules *policy.Enforcer, id faas.Identity) faas.Scope {
	if rules.Allow(r.Context(), id, "runtime:get_all:all_projects", policy.Target{}) == nil {
		return faas.AnyProject()
	}
	return faas.ProjectScope(id)
}
