package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// quotaView is what a project may have.
type quotaView struct {
	ProjectID string       `json:"project_id"`
	Quota     faas.Amounts `json:"quota"` // -1 is without bounds
}

// limitsView is what a project may have, and what it has.
type limitsView struct {
	ProjectID string                       `json:"project_id"`
	Limits    map[faas.Resource]limitOfOne `json:"limits"`
}

type limitOfOne struct {
	Limit int64  `json:"limit"`
	Used  int64  `json:"used"`
	Unit  string `json:"unit,omitempty"`
}

// quotaHandlers answer for /v1/quotas and /v1/limits.
type quotaHandlers struct {
	quotas *quota.Quotas // nil: quotas are not kept
	calls  *quota.Calls  // counts executions; nil: nobody does
	store  *store.QuotaStore
	policy *policy.Enforcer
	bodies fields.Bodies
	log    *slog.Logger
}

// getLimits is GET /v1/limits: of the caller's project, or with ?project_id= of another, for whom
// policy allows that.
func (h *quotaHandlers) getLimits(r *http.Request, id faas.Identity) (any, error) {
	projectID := id.ProjectID
	for name, values := range r.URL.Query() {
		if name != "project_id" || len(values) != 1 {
			return nil, faas.Errorf(
				faas.Invalid, "The only query parameter here is project_id, given once; the query has %q, %d times.",
				request.Short(name), len(values),
			)
		}
		projectID = values[0]
	}
	if err := h.mayOn(r, id, "limits:get", projectID); err != nil {
		return nil, err
	}
	limits, err := h.quotas.Limits(r.Context(), projectID)
	if err != nil {
		return nil, err
	}
	used, err := h.usage(r.Context(), projectID)
	if err != nil {
		return nil, err
	}
	view := limitsView{ProjectID: projectID, Limits: map[faas.Resource]limitOfOne{}}
	for _, one := range quota.Resources {
		view.Limits[one.Name] = limitOfOne{Limit: limits.Limit(one.Name), Used: used[one.Name], Unit: one.Unit}
	}
	return view, nil
}

// usage returns what a project has. Of executions and workers it is what this process knows of the
// others.
func (h *quotaHandlers) usage(ctx context.Context, projectID string) (faas.Amounts, error) {
	used, err := h.store.QuotaUsage(ctx, projectID)
	if err != nil {
		return nil, err
	}
	records, err := h.store.RecordUsage(ctx, projectID)
	if err != nil {
		return nil, err
	}
	maps.Copy(used, records)
	if h.calls != nil {
		maps.Copy(used, h.calls.Use(projectID))
	}
	return used, nil
}

func (h *quotaHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	projectID, err := h.project(r, id, "quota:get")
	if err != nil {
		return nil, err
	}
	return h.view(r.Context(), projectID)
}

// update is PUT /v1/quotas/{project_id}. What is not named stays; null has the default hold
// again.
func (h *quotaHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	projectID, err := h.project(r, id, "quota:update")
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObject(r, "quota")
	if err != nil {
		return nil, err
	}
	limits, err := quotaField(o)
	if err != nil {
		return nil, err
	}
	if err := h.quotas.Set(r.Context(), projectID, limits); err != nil {
		return nil, err
	}
	h.log.Info("a project's quota was changed", "request_id", request.Of(r).ID, "user_id", id.UserID, "project_id", projectID)
	return h.view(r.Context(), projectID)
}

func (h *quotaHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	projectID, err := h.project(r, id, "quota:delete")
	if err != nil {
		return nil, err
	}
	return answer.NoContent{}, h.quotas.Reset(r.Context(), projectID)
}

func (h *quotaHandlers) view(ctx context.Context, projectID string) (any, error) {
	limits, err := h.quotas.Limits(ctx, projectID)
	if err != nil {
		return nil, err
	}
	return quotaView{ProjectID: projectID, Quota: limits}, nil
}

// quotaField returns the field quota: what to set, nil to have the default.
func quotaField(o *fields.Object) (map[faas.Resource]*int64, error) {
	raw, ok := o.Get("quota")
	if !ok {
		return nil, faas.Errorf(
			faas.Invalid,
			`quota is required, as in {"quota": {"functions": 10}}; the resources are %s.`,
			strings.Join(quota.Names(), ", "),
		)
	}
	inner := &fields.Object{}
	if json.Unmarshal(raw, &inner.Fields) != nil {
		return nil, faas.Errorf(
			faas.Invalid,
			`quota must be a JSON object, as in {"functions": 10}; it is %s.`,
			request.Short(string(raw)),
		)
	}
	for _, name := range slices.Sorted(maps.Keys(inner.Fields)) {
		if !slices.Contains(quota.Names(), name) {
			return nil, faas.Errorf(faas.Invalid, "quota has no resource %q; the resources are %s.", request.Short(name),
				strings.Join(quota.Names(), ", "))
		}
	}
	limits := map[faas.Resource]*int64{}
	for name := range inner.Fields {
		limits[faas.Resource(name)] = inner.Number(name, ", -1 meaning no limit", faas.Unlimited, quota.Max)
	}
	return limits, inner.Fault()
}

// project returns the project in the path, once the rule allows the caller to act on it.
func (h *quotaHandlers) project(r *http.Request, id faas.Identity, rule string) (string, error) {
	projectID := mux.Vars(r)["project_id"]
	return projectID, h.mayOn(r, id, rule, projectID)
}

// mayOn asks the rule about a project other than the caller's, too. Whether there is such a project
// is Keystone's to know.
func (h *quotaHandlers) mayOn(r *http.Request, id faas.Identity, rule, projectID string) error {
	if h.quotas == nil {
		return faas.Errorf(faas.NotFound, "This deployment has no quotas.")
	}
	if projectID == "" {
		return faas.Errorf(faas.Invalid, "The token is not scoped to a project; name a project, as in ?project_id=….")
	}
	if err := request.CheckProject(projectID); err != nil {
		return err
	}
	return h.policy.Allow(r.Context(), id, rule, policy.Target{ProjectID: projectID})
}
