package api

import (
	"net/http"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// version is what clients discover the API by.
type version struct {
	ID      string        `json:"id"`
	Status  string        `json:"status"`
	Version string        `json:"version"` // the latest microversion
	Min     string        `json:"min_version"`
	Updated string        `json:"updated"` // when the latest came
	Links   []answer.Link `json:"links"`
}

// versionUpdated is when maxVersion last grew.
const versionUpdated = "2026-11-29T00:00:00Z"

// versionHandlers have clients discover the API.
type versionHandlers struct{ endpoint answer.Endpoint }

func (h *versionHandlers) v1(r *http.Request) version {
	return version{
		ID: "v1.0", Status: "CURRENT", Version: request.MaxVersion.String(), Min: request.MinVersion.String(), Updated: versionUpdated,
		Links: []answer.Link{{Rel: "self", Href: h.endpoint.Of(r) + "/v1"}},
	}
}

// list is GET /.
func (h *versionHandlers) list(r *http.Request, _ faas.Identity) (any, error) {
	return map[string][]version{"versions": {h.v1(r)}}, nil
}

// get is GET /v1.
func (h *versionHandlers) get(r *http.Request, _ faas.Identity) (any, error) {
	return map[string]version{"version": h.v1(r)}, nil
}
