package api

import (
	"context"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
)

// executionHandlers answer for /v1/executions.
type executionHandlers struct {
	store    *store.Store
	runs     *syncRuns
	submit   *submit.Submitter // of asynchronous executions
	bodies   bodies
	lists    lists
	maxInput int64 // bytes of an execution's input
	metrics  *metrics
	now      func() time.Time
}

// read takes the request for an execution, and of what: the caller resolves that.
func (h *executionHandlers) read(r *http.Request, id faas.Identity) (faas.Execution, faas.FunctionRef, error) {
	o, err := h.bodies.readObject(r, "function_id", "function_version", "function_alias", "sync", "input", "description")
	if err != nil {
		return faas.Execution{}, faas.FunctionRef{}, err
	}
	info := infoOf(r)
	x := faas.Execution{
		ID: faas.NewID(), ProjectID: id.ProjectID, UserID: id.UserID, RequestID: info.recorded(), CreatedAt: h.now(),
		Sync: o.flag("sync", true), Input: inputField(o, "input", h.maxInput), Description: o.line("description"),
	}
	ref := refField(r, id, o, h.store.FunctionID)
	return x, ref, o.fault()
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
	infoOf(r).executionID = x.ID
	if x.Sync {
		x, err = h.runs.run(r.Context(), called, x)
	} else if x, err = h.submit.Submit(r.Context(), x); err == nil {
		h.metrics.execution(faas.ExecutionQueued)
	}
	if err != nil {
		return nil, err
	}
	return created{executionViewer(r)(x)}, nil
}

func (h *executionHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	read := func(ctx context.Context, scope faas.Scope, q faas.Query) (store.Page[faas.Execution], error) {
		q.Filters = executionFilters(r, q.Filters)
		return h.store.Executions(ctx, scope, q)
	}
	return answerList(h.lists, r, id, listOf[faas.Execution, executionView]{
		plural: "executions", rule: "execution:get_all:all_projects", read: read, view: executionViewer(r),
		texts: textsOfExecution,
	})
}

func (h *executionHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	x, err := readOne(r, h.lists.policy, id, func(scope faas.Scope) (faas.Execution, error) {
		return readWithin(r.Context(), infoOf(r).grant, textsOfExecution, func() (faas.Execution, error) {
			return h.store.Execution(r.Context(), scope, executionID)
		})
	})
	if err != nil {
		return nil, err
	}
	return executionViewer(r)(x), nil
}

func (h *executionHandlers) getLog(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	size := func(text string) int { return len(text) }
	text, err := readOne(r, h.lists.policy, id, func(scope faas.Scope) (string, error) {
		return readWithin(r.Context(), infoOf(r).grant, size, func() (string, error) {
			return h.store.ExecutionLog(r.Context(), scope, executionID)
		})
	})
	if err != nil {
		return nil, err
	}
	return plainText(text), nil
}

func (h *executionHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteExecution(r.Context(), faas.ProjectScope(id), executionID); err != nil {
		return nil, err
	}
	return noContent{}, nil
}
