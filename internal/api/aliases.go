package api

import (
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// aliasHandlers answer for /v1/aliases.
type aliasHandlers struct {
	store  *store.FunctionStore
	bodies fields.Bodies
	lists  list.Reader
	quota  projectQuota
	now    func() time.Time
}

func (h *aliasHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"name", "function_id", "function_version", "description"}
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V14, known, "canary_version", "canary_percent")...)
	if err != nil {
		return nil, err
	}
	a := faas.Alias{
		ID: faas.NewID(), ProjectID: id.ProjectID, CreatedAt: h.now(), Name: aliasNameField(o),
		FunctionID: o.IDOrName(r, id, "function_id", h.store.FunctionID), Version: fields.ValueOr(versionField(o, "function_version"), 0),
		Canary: fields.ValueOr(canaryField(o), faas.Canary{}), Description: o.Line("description"),
	}
	switch {
	case a.FunctionID == "":
		o.Refuse("function_id is required: the function that the alias is to stand for.")
	case a.Canary.Percent > 0 && a.Canary.Version == a.Version:
		o.Refuse("canary_version must be another version than function_version; both are %d.", a.Version)
	}
	if err := o.Fault(); err != nil {
		return nil, err
	}
	quota, err := h.quota.limits(r.Context(), id.ProjectID)
	if err != nil {
		return nil, err
	}
	made, err := h.store.CreateAlias(r.Context(), a, quota)
	if err != nil {
		return nil, err
	}
	return answer.Created{Body: aliasViewer(r)(made)}, nil
}

func (h *aliasHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Alias, any]{
		Plural: "function_aliases", Rule: "function_alias:get_all:all_projects", Read: h.store.Aliases,
		View: aliasViewer(r), Texts: func(a faas.Alias) int { return len(a.Description) },
	})
}

func (h *aliasHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	name, err := request.PathName(r)
	if err != nil {
		return nil, err
	}
	a, err := h.store.Alias(r.Context(), faas.ProjectScope(id), name)
	if err != nil {
		return nil, err
	}
	return aliasViewer(r)(a), nil
}

// update is PUT /v1/aliases/{name}: later calls by the alias get its new version.
func (h *aliasHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"function_id", "function_version", "description"}
	o, err := h.bodies.ReadObject(r, fieldsSince(r, request.V14, known, "canary_version", "canary_percent")...)
	if err != nil {
		return nil, err
	}
	change := store.AliasChange{
		Version: versionField(o, "function_version"), Canary: canaryField(o), Description: o.Text("description", fields.MaxLine),
	}
	if functionID := o.IDOrName(r, id, "function_id", h.store.FunctionID); functionID != "" {
		change.FunctionID = &functionID
	}
	if err := o.Fault(); err != nil {
		return nil, err
	}
	name, err := request.PathName(r)
	if err != nil {
		return nil, err
	}
	after, err := h.store.UpdateAlias(r.Context(), faas.ProjectScope(id), name, change)
	if err != nil {
		return nil, err
	}
	return aliasViewer(r)(after), nil
}

func (h *aliasHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	name, err := request.PathName(r)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteAlias(r.Context(), faas.ProjectScope(id), name); err != nil {
		return nil, err
	}
	return answer.NoContent{}, nil
}
