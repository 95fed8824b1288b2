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
const versionUpdated = "2026-11-25T00:00:00Z"

func (s *Server) v1(r *http.Request) version {
	return version{
		ID: "v1.0", Status: "CURRENT", Version: maxVersion.String(), Min: minVersion.String(), Updated: versionUpdated,
		Links: []link{{Rel: "self", Href: s.endpoint(r) + "/v1"}},
	}
}

// listVersions is GET /.
func (s *Server) listVersions(r *http.Request, _ faas.Identity) (any, error) {
	return map[string][]version{"versions": {s.v1(r)}}, nil
}

// getVersion is GET /v1.
func (s *Server) getVersion(r *http.Request, _ faas.Identity) (any, error) {
	return map[string]version{"version": s.v1(r)}, nil
}

// endpoint is the URL that the caller knows the API by, without a slash at its end.
func (s *Server) endpoint(r *http.Request) string {
	if s.cfg.PublicEndpoint != "" {
		return s.cfg.PublicEndpoint
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
