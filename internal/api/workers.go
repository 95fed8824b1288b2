package api

import (
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// workerHandlers answer for what administrators see and change of functions' workers.
type workerHandlers struct {
	store   *store.FunctionStore
	engines *engineclient.Client
	policy  *policy.Enforcer
	bodies  fields.Bodies
}

// maxScale is how many workers one request may add or take away.
const maxScale = 1000

// list is GET /v1/functions/{id}/workers: those of all versions, or with ?function_version= of one.
func (h *workerHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	version := -1
	if text := r.URL.Query().Get("function_version"); text != "" {
		if version, err = strconv.Atoi(text); err != nil || version < 0 {
			return nil, faas.Errorf(faas.Invalid, "function_version must be a number from 0 on; it is %q.", request.Short(text))
		}
	}
	if err := h.mayOn(r, id, "function_worker:get_all", functionID); err != nil {
		return nil, err
	}
	own, err := h.engines.Workers(r.Context(), faas.WorkersRequest{FunctionID: functionID, Action: faas.WorkersList})
	if err != nil {
		return nil, err
	}
	views := []workerView{}
	for _, w := range own {
		if version < 0 || w.Key.Version == version {
			views = append(views, workerView{FunctionID: functionID, FunctionVersion: w.Key.Version, WorkerName: w.ID})
		}
	}
	return map[string][]workerView{"workers": views}, nil
}

// scaleUp is POST /v1/functions/{id}/scale_up, and the same of a version.
func (h *workerHandlers) scaleUp(r *http.Request, id faas.Identity) (any, error) {
	return h.change(r, id, "scale_up", faas.WorkersScaleUp)
}

// scaleDown is POST /v1/functions/{id}/scale_down, and the same of a version.
func (h *workerHandlers) scaleDown(r *http.Request, id faas.Identity) (any, error) {
	return h.change(r, id, "scale_down", faas.WorkersScaleDown)
}

// detach is POST /v1/functions/{id}/detach, and the same of a version.
func (h *workerHandlers) detach(r *http.Request, id faas.Identity) (any, error) {
	return h.change(r, id, "detach", faas.WorkersDetach)
}

// change has the engine do what the path says, and answers 202 when it has begun.
func (h *workerHandlers) change(r *http.Request, id faas.Identity, verb string, action faas.WorkersAction) (any, error) {
	req, rule, err := h.request(r, id)
	if err != nil {
		return nil, err
	}
	req.Action = action
	if action != faas.WorkersDetach {
		o, err := h.bodies.ReadObjectOrNothing(r, "count")
		if err != nil {
			return nil, err
		}
		req.Count = int(fields.ValueOr(o.Number("count", " workers", 1, maxScale), 1))
		if err := o.Fault(); err != nil {
			return nil, err
		}
	}
	if err := h.mayOn(r, id, rule+":"+verb, req.FunctionID); err != nil {
		return nil, err
	}
	if _, err := h.engines.Workers(r.Context(), req); err != nil {
		return nil, err
	}
	return answer.WithStatus{Status: http.StatusAccepted, Body: struct{}{}}, nil
}

// request returns the function and the version in the path, and what their rules are called.
func (h *workerHandlers) request(r *http.Request, id faas.Identity) (req faas.WorkersRequest, rule string, err error) {
	if _, versioned := mux.Vars(r)["version"]; !versioned {
		req.FunctionID, err = request.PathIDOrName(r, id, h.store.FunctionID)
		return req, "function", err
	}
	req.FunctionID, req.Version, err = pathVersion(r, id, h.store.FunctionID)
	return req, "function_version", err
}

// mayOn looks a function up for a caller whom the rule allows it in the function's project. To anyone
// else it is not there.
func (h *workerHandlers) mayOn(r *http.Request, id faas.Identity, rule, functionID string) error {
	f, err := h.store.Function(r.Context(), faas.AnyProject(), functionID)
	if err != nil {
		return err
	}
	err = h.policy.Allow(r.Context(), id, rule, policy.Target{ProjectID: f.ProjectID})
	if faas.KindOf(err) == faas.Forbidden {
		return faas.Errorf(faas.NotFound, "Function %s not found.", functionID)
	}
	return err
}

type workerView struct {
	FunctionID      string `json:"function_id"`
	FunctionVersion int    `json:"function_version"`
	WorkerName      string `json:"worker_name"`
}
