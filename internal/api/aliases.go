package api

import (
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// aliasHandlers answer for /v1/aliases.
type aliasHandlers struct {
	store  *store.FunctionStore
	bodies bodies
	lists  lists
	quota  projectQuota
	now    func() time.Time
}

func (h *aliasHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"name", "function_id", "function_version", "description"}
	o, err := h.bodies.readObject(r, fieldsSince(r, v14, known, "canary_version", "canary_percent")...)
	if err != nil {
		return nil, err
	}
	a := faas.Alias{
		ID: faas.NewID(), ProjectID: id.ProjectID, CreatedAt: h.now(), Name: aliasNameField(o),
		FunctionID: o.idOrName(r, id, "function_id", h.store.FunctionID), Version: valueOr(versionField(o, "function_version"), 0),
		Canary: valueOr(canaryField(o), faas.Canary{}), Description: o.line("description"),
	}
	switch {
	case a.FunctionID == "":
		o.refuse("function_id is required: the function that the alias is to stand for.")
	case a.Canary.Percent > 0 && a.Canary.Version == a.Version:
		o.refuse("canary_version must be another version than function_version; both are %d.", a.Version)
	}
	if err := o.fault(); err != nil {
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
	return created{aliasViewer(r)(made)}, nil
}

func (h *aliasHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return answerList(h.lists, r, id, listOf[faas.Alias, any]{
		plural: "function_aliases", rule: "function_alias:get_all:all_projects", read: h.store.Aliases,
		view: aliasViewer(r), texts: func(a faas.Alias) int { return len(a.Description) },
	})
}

func (h *aliasHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	name, err := pathName(r)
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
	o, err := h.bodies.readObject(r, fieldsSince(r, v14, known, "canary_version", "canary_percent")...)
	if err != nil {
		return nil, err
	}
	change := store.AliasChange{
		Version: versionField(o, "function_version"), Canary: canaryField(o), Description: o.text("description", maxLine),
	}
	if functionID := o.idOrName(r, id, "function_id", h.store.FunctionID); functionID != "" {
		change.FunctionID = &functionID
	}
	if err := o.fault(); err != nil {
		return nil, err
	}
	name, err := pathName(r)
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
	name, err := pathName(r)
	if err != nil {
		return nil, err
	}
	if err := h.store.DeleteAlias(r.Context(), faas.ProjectScope(id), name); err != nil {
		return nil, err
	}
	return noContent{}, nil
}
