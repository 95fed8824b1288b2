package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// route is one call of the API. The caller must pass the rule before anything is looked up; a route without a rule is open
// to all, authenticated or not.
type route struct {
	method, path, rule string
	handle             handler
}

// routes is the whole API.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/", "", s.listVersions},
		{"GET", "/v1", "", s.getVersion},
		{"GET", "/healthcheck", "", s.healthcheck},
		{"GET", "/metrics", "", s.showMetrics},

		{"POST", "/v1/runtimes", "runtime:create", s.createRuntime},
		{"GET", "/v1/runtimes", "runtime:get_all", s.listRuntimes},
		{"GET", "/v1/runtimes/{id}", "runtime:get", s.getRuntime},
		{"PUT", "/v1/runtimes/{id}", "runtime:update", s.updateRuntime},
		{"DELETE", "/v1/runtimes/{id}", "runtime:delete", s.deleteRuntime},
		{"GET", "/v1/runtimes/{id}/pool", "runtime_pool:get_all", s.getPool},

		{"POST", "/v1/functions", "function:create", s.createFunction},
		{"GET", "/v1/functions", "function:get_all", s.listFunctions},
		{"GET", "/v1/functions/{id}", "function:get", s.getFunction},
		{"PUT", "/v1/functions/{id}", "function:update", s.updateFunction},
		{"DELETE", "/v1/functions/{id}", "function:delete", s.deleteFunction},

		{"POST", "/v1/executions", "execution:create", s.createExecution},
		{"GET", "/v1/executions", "execution:get_all", s.listExecutions},
		{"GET", "/v1/executions/{id}", "execution:get", s.getExecution},
		{"DELETE", "/v1/executions/{id}", "execution:delete", s.deleteExecution},
		{"GET", "/v1/executions/{id}/log", "execution:get_log", s.getExecutionLog},
	}
}

// mount makes the router. Each path is one entry that tells its methods apart itself, so that a wrong one is answered with
// those that there are.
func (s *Server) mount() {
	byPath := map[string]map[string]http.Handler{}
	for _, rt := range s.routes() {
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]http.Handler{}
			s.router.Handle(rt.path, s.methods(rt.path, byPath[rt.path]))
		}
		byPath[rt.path][rt.method] = s.adapt(rt)
	}
	s.router.NotFoundHandler = http.HandlerFunc(s.unknownPath)
}

// methods picks the handler of the request's method.
func (s *Server) methods(path string, byMethod map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http drops the body
		}
		handle, ok := byMethod[method]
		if !ok {
			infoOf(r).route = path
			w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(byMethod)), ", "))
			s.writeError(w, r, methodNotAllowed(r))
			return
		}
		handle.ServeHTTP(w, r)
	})
}
