package api

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// jobHandlers answer for /v1/jobs.
type jobHandlers struct {
	store    *store.Store
	engines  *engineclient.Client
	bodies   fields.Bodies
	lists    list.Reader
	quota    projectQuota
	maxInput int64 // bytes of a job's input
	log      *slog.Logger
	now      func() time.Time
}

// maxJobInput is how many bytes the input of a job may have: lists show it whole.
const maxJobInput = 4 << 10

// create is POST /v1/jobs.
func (h *jobHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"function_id", "function_version", "function_alias", "name", "first_execution_time", "pattern",
		"function_input", "count"}
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V15, known, "time_zone")...)
	if err != nil {
		return nil, err
	}
	j := faas.Job{
		ProjectID: id.ProjectID, UserID: id.UserID, Name: o.Line("name"), Calls: fields.FunctionRef(r, id, o, h.store.FunctionID),
		Input: inputField(o, "function_input", h.maxInput), Status: faas.JobRunning,
	}
	h.planned(o, &j)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	quota, err := h.quota.limits(r.Context(), id.ProjectID)
	if err != nil {
		return nil, err
	}
	made, err := h.store.CreateJob(r.Context(), j, quota)
	if err != nil {
		return nil, err
	}
	h.announce(r, made)
	return answer.Created{Body: jobViewer(r)(made)}, nil
}

// announce has a job executed in time that is due at once.
func (h *jobHandlers) announce(r *http.Request, j faas.Job) {
	if j.Status != faas.JobRunning {
		return
	}
	if err := h.engines.WorkAdded(r.Context(), j.ID, j.NextAt.Sub(h.now())); err != nil {
		h.log.WarnContext(r.Context(), "a job that is due soon could not be announced; it may be executed late", "job_id", j.ID,
			"error", err)
	}
}

func (h *jobHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Job, any]{
		Plural: "jobs", Rule: "job:get_all:all_projects", Read: h.store.Jobs, View: jobViewer(r),
		Texts: func(j faas.Job) int { return len(j.Name) + len(j.Input) + len(j.Pattern) + len(j.StatusReason) },
	})
}

func (h *jobHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	jobID, err := request.PathIDOrName(r, id, h.store.JobID)
	if err != nil {
		return nil, err
	}
	j, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (faas.Job, error) {
		return h.store.Job(r.Context(), scope, jobID)
	})
	if err != nil {
		return nil, err
	}
	return jobViewer(r)(j), nil
}

// update is PUT /v1/jobs/{id}. Fields that are null stay as they are: clients send all of them.
func (h *jobHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	jobID, err := request.PathIDOrName(r, id, h.store.JobID)
	if err != nil {
		return nil, err
	}
	known := []string{"name", "status", "pattern", "next_execution_time", "function_input"}
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V15, known, "time_zone")...)
	if err != nil {
		return nil, err
	}
	change := h.change(o)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	j, err := h.store.UpdateJob(r.Context(), faas.ProjectScope(id), jobID, change.apply)
	if err != nil {
		return nil, err
	}
	h.announce(r, j)
	return jobViewer(r)(j), nil
}

func (h *jobHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	jobID, err := request.PathIDOrName(r, id, h.store.JobID)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteJob(r.Context(), faas.ProjectScope(id), jobID); err != nil {
		return nil, err
	}
	return answer.NoContent{}, nil
}
