package api

import (
	"net/http"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// poolHandlers answer for the pools of workers that runtimes have.
type poolHandlers struct {
	store   *store.RuntimeStore
	engines *engineclient.Client
	policy  *policy.Enforcer
}

// get is GET /v1/runtimes/{id}/pool; the engine knows the pool.
func (h *poolHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	runtimeID, err := request.PathIDOrName(r, id, h.store.RuntimeID)
	if err != nil {
		return nil, err
	}
	if _, err := h.store.Runtime(r.Context(), runtimeScope(r, h.policy, id), runtimeID); err != nil {
		return nil, err
	}
	pool, err := h.engines.Pool(r.Context(), runtimeID)
	if err != nil {
		return nil, err
	}
	return poolView{Name: runtimeID, Capacity: poolCapacity{Total: pool.Total, Available: pool.Available}}, nil
}
