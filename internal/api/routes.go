package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// route is one call of the API. The caller must pass the rule before anything is looked up; a route
// without a rule is open to all, authenticated or not. At microversions before since there is no
// such call.
type route struct {
	method, path, rule string
	handle             handler
	since              Microversion
}

// routes is the whole API.
func (s *Server) routes() []route {
	return []route{
		{"GET", "/", "", s.listVersions, v10},
		{"GET", "/v1", "", s.getVersion, v10},
		{"GET", "/healthcheck", "", s.healthcheck, v10},

		{"POST", "/v1/runtimes", "runtime:create", s.createRuntime, v10},
		{"GET", "/v1/runtimes", "runtime:get_all", s.listRuntimes, v10},
		{"GET", "/v1/runtimes/{id}", "runtime:get", s.getRuntime, v10},
		{"PUT", "/v1/runtimes/{id}", "runtime:update", s.updateRuntime, v10},
		{"DELETE", "/v1/runtimes/{id}", "runtime:delete", s.deleteRuntime, v10},
		{"GET", "/v1/runtimes/{id}/pool", "runtime_pool:get_all", s.getPool, v10},

		{"POST", "/v1/functions", "function:create", s.createFunction, v10},
		{"GET", "/v1/functions", "function:get_all", s.listFunctions, v10},
		{"GET", "/v1/functions/{id}", "function:get", s.getFunction, v10},
		{"PUT", "/v1/functions/{id}", "function:update", s.updateFunction, v10},
		{"DELETE", "/v1/functions/{id}", "function:delete", s.deleteFunction, v10},

		{"GET", "/v1/limits", "limits:get", s.getLimits, v11},
		{"GET", "/v1/quotas/{project_id}", "quota:get", s.getQuota, v11},
		{"PUT", "/v1/quotas/{project_id}", "quota:update", s.updateQuota, v11},
		{"DELETE", "/v1/quotas/{project_id}", "quota:delete", s.deleteQuota, v11},

		{"POST", "/v1/executions", "execution:create", s.createExecution, v10},
		{"GET", "/v1/executions", "execution:get_all", s.listExecutions, v10},
		{"DELETE", "/v1/executions", "execution:purge", s.purgeExecutions, v12},
		{"GET", "/v1/executions/{id}", "execution:get", s.getExecution, v10},
		{"DELETE", "/v1/executions/{id}", "execution:delete", s.deleteExecution, v10},
		{"GET", "/v1/executions/{id}/log", "execution:get_log", s.getExecutionLog, v10},
	}
}

// call is a route as it is served.
type call struct {
	http.Handler
	since Microversion
}

// mount makes the router. Each path is one entry that tells its methods apart itself, so that a
// wrong one is answered with those that there are.
func (s *Server) mount() {
	byPath := map[string]map[string]call{}
	for _, rt := range s.routes() {
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]call{}
			s.router.Handle(rt.path, s.methods(rt.path, byPath[rt.path]))
		}
		byPath[rt.path][rt.method] = call{s.adapt(rt), rt.since}
	}
	s.router.NotFoundHandler = http.HandlerFunc(s.unknownPath)
}

// methods picks the handler of the request's method, among those that its microversion has.
func (s *Server) methods(path string, byMethod map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http drops the body
		}
		info := infoOf(r)
		c, ok := byMethod[method]
		if ok && (info.version.AtLeast(c.since) || info.versionErr != nil) {
			c.ServeHTTP(w, r)
			return
		}
		info.route = path
		allowed := slices.Sorted(maps.Keys(byMethod))
		allowed = slices.DeleteFunc(allowed, func(m string) bool { return !info.version.AtLeast(byMethod[m].since) })
		if len(allowed) == 0 {
			s.unknownPath(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.writeError(w, r, methodNotAllowed(r))
	})
}
