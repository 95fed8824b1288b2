package api

import (
	"math"
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// readExecution takes the request for an execution; its function is looked up by the caller.
func (s *Server) readExecution(r *http.Request, id faas.Identity) (faas.Execution, error) {
	o, err := s.readObject(r, "function_id", "function_version", "function_alias", "sync", "input", "description")
	if err != nil {
		return faas.Execution{}, err
	}
	info := infoOf(r)
	x := faas.Execution{
		ProjectID: id.ProjectID, UserID: id.UserID, RequestID: info.recorded(), CreatedAt: s.now(),
		FunctionID: o.id("function_id"), Sync: o.flag("sync", true), Input: o.input(s.cfg.MaxInput),
		Description: o.line("description"),
	}
	version := o.number("function_version", "", 0, math.MaxInt32)
	alias := o.line("function_alias")
	switch {
	case o.fault() != nil:
		return x, o.fault()
	case alias != "":
		return x, faas.Errorf(faas.NotFound, "Function alias %s can not be found.", short(alias))
	case x.FunctionID == "":
		return x, faas.Errorf(faas.Invalid, "function_id or function_alias is required.")
	case version != nil && *version != 0:
		return x, faas.Errorf(faas.NotFound, "Version %d of function %s can not be found.", *version, x.FunctionID)
	}
	x.ID = faas.NewID()
	return x, nil
}

// createExecution is POST /v1/executions.
func (s *Server) createExecution(r *http.Request, id faas.Identity) (any, error) {
	x, err := s.readExecution(r, id)
	if err != nil {
		return nil, err
	}
	function, err := s.cfg.Store.Function(r.Context(), faas.ProjectScope(id), x.FunctionID)
	if err != nil {
		return nil, err
	}
	infoOf(r).executionID = x.ID
	if x.Sync {
		x, err = s.runCounted(r.Context(), function, x)
	} else if x, err = s.submit.Submit(r.Context(), x); err == nil {
		s.metrics.execution(faas.ExecutionQueued)
	}
	if err != nil {
		return nil, err
	}
	return created{viewExecution(x)}, nil
}

func (s *Server) listExecutions(r *http.Request, id faas.Identity) (any, error) {
	l, scope, err := s.readListing(r, id, "execution:get_all:all_projects")
	if err != nil {
		return nil, err
	}
	rows, err := readList(r, l.query, textsOfExecution, func() (store.Page[faas.Execution], error) {
		return s.cfg.Store.Executions(r.Context(), scope, l.query)
	})
	if err != nil {
		return nil, err
	}
	return page(s, r, "executions", rows, viewExecution), nil
}

func (s *Server) getExecution(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	x, err := readWithin(r.Context(), infoOf(r).grant, textsOfExecution, func() (faas.Execution, error) {
		return s.cfg.Store.Execution(r.Context(), faas.ProjectScope(id), executionID)
	})
	if err != nil {
		return nil, err
	}
	return viewExecution(x), nil
}

func (s *Server) getExecutionLog(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	text, err := readWithin(
		r.Context(),
		infoOf(r).grant,
		func(text string) int { return len(text) },
		func() (string, error) {
			return s.cfg.Store.ExecutionLog(r.Context(), faas.ProjectScope(id), executionID)
		},
	)
	if err != nil {
		return nil, err
	}
	return plainText(text), nil
}

func (s *Server) deleteExecution(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Store.DeleteExecution(r.Context(), faas.ProjectScope(id), executionID); err != nil {
		return nil, err
	}
	return noContent{}, nil
}
