package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
)

// executionHandlers answer for /v1/executions.
type executionHandlers struct {
	store    *store.Store
	runs     *syncRuns
	submit   *submit.Submitter // of asynchronous executions
	bodies   fields.Bodies
	lists    list.Reader
	maxInput int64 // bytes of an execution's input
	metrics  *metrics
	now      func() time.Time
}

// read takes the request for an execution, and of what: the caller resolves that.
func (h *executionHandlers) read(r *http.Request, id faas.Identity) (faas.Execution, faas.FunctionRef, error) {
	o, err := h.bodies.ReadObject(r, "function_id", "function_version", "function_alias", "sync", "input", "description")
	if err != nil {
		return faas.Execution{}, faas.FunctionRef{}, err
	}
	info := request.Of(r)
	x := faas.Execution{
		ID: faas.NewID(), ProjectID: id.ProjectID, UserID: id.UserID, RequestID: info.Recorded(), CreatedAt: h.now(),
		Sync: o.Flag("sync", true), Input: inputField(o, "input", h.maxInput), Description: o.Line("description"),
	}
	ref := fields.FunctionRef(r, id, o, h.store.FunctionID)
	return x, ref, o.Fault()
}

// create is POST /v1/executions.
func (h *executionHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	x, ref, err := h.read(r, id)
	if err != nil {
		return nil, err
	}
	called, err := h.store.Resolve(r.Context(), faas.ProjectScope(id), ref)
	if err != nil {
		return nil, err
	}
	x.FunctionID, x.FunctionVersion, x.FunctionAlias = called.Function.ID, called.Version, ref.Alias
	x.FollowUp = !x.Sync && called.Function.Follows()
	request.Of(r).ExecutionID = x.ID
	if x.Sync {
		x, err = h.runs.run(r.Context(), called, x)
	} else if x, err = h.submit.Submit(r.Context(), x); err == nil {
		h.metrics.execution(faas.ExecutionQueued)
	}
	if err != nil {
		return nil, err
	}
	return answer.Created{Body: executionViewer(r)(x)}, nil
}

func (h *executionHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	read := func(ctx context.Context, scope faas.Scope, q faas.Query) (store.Page[faas.Execution], error) {
		q.Filters = executionFilters(r, q.Filters)
		return h.store.Executions(ctx, scope, q)
	}
	return list.Answer(h.lists, r, id, list.Of[faas.Execution, executionView]{
		Plural: "executions", Rule: "execution:get_all:all_projects", Read: read, View: executionViewer(r),
		Texts: textsOfExecution,
	})
}

func (h *executionHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	x, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (faas.Execution, error) {
		return memory.ReadWithin(r.Context(), request.Of(r).Grant, textsOfExecution, func() (faas.Execution, error) {
			return h.store.Execution(r.Context(), scope, executionID)
		})
	})
	if err != nil {
		return nil, err
	}
	return executionViewer(r)(x), nil
}

func (h *executionHandlers) getLog(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	size := func(text string) int { return len(text) }
	text, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (string, error) {
		return memory.ReadWithin(r.Context(), request.Of(r).Grant, size, func() (string, error) {
			return h.store.ExecutionLog(r.Context(), scope, executionID)
		})
	})
	if err != nil {
		return nil, err
	}
	return answer.PlainText(text), nil
}

func (h *executionHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteExecution(r.Context(), faas.ProjectScope(id), executionID); err != nil {
		return nil, err
	}
	return answer.NoContent{}, nil
}
