package api

import (
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
)

type link struct {
	Rel  string `json:"rel,omitempty"`
	Href string `json:"href"`
}

// version is what clients discover the API by.
type version struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version string `json:"version"` // the latest microversion
	Min     string `json:"min_version"`
	Updated string `json:"updated"` // when the latest came
	Links   []link `json:"links"`
}

// versionUpdated is when maxVersion last grew.
const versionUpdated = "2026-11-29T00:00:00Z"

// versionHandlers have clients discover the API.
type versionHandlers struct{ endpoint endpoint }

func (h *versionHandlers) v1(r *http.Request) version {
	return version{
		ID: "v1.0", Status: "CURRENT", Version: maxVersion.String(), Min: minVersion.String(), Updated: versionUpdated,
		Links: []link{{Rel: "self", Href: h.endpoint.of(r) + "/v1"}},
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

// endpoint is the URL that callers know the API by, without a slash at its end; "" takes what the
// request was sent to.
type endpoint string

// of returns the URL for the caller of the request.
func (e endpoint) of(r *http.Request) string {
	if e != "" {
		return string(e)
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
