package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// handler does one call of the API. What it returns is the answer: a value is 200 and JSON, the
// types of package answer are more than that, and an error is what that makes of it.
type handler func(r *http.Request, id faas.Identity) (any, error)

// route is one call of the API. The caller must pass the rule before anything is looked up; a route
// without a rule is open to all, authenticated or not. At microversions before since there is no
// such call.
type route struct {
	method, path, rule string
	handle             handler
	since              request.Microversion
}

// call is a route as it is served.
type call struct {
	http.Handler
	since request.Microversion
}

// router brings requests to the handlers of their routes, and what those return to the caller.
type router struct {
	*mux.Router
	fixed     map[string]http.Handler // by paths without variables: calls go to one, and need no search
	admission *admission
	responder *answer.Responder
}

// newRouter makes the router of the routes. Each path is one entry that tells its methods apart
// itself, so that a wrong one is answered with those that there are.
func newRouter(a *admission, answers *answer.Responder, routes []route) *router {
	rr := &router{
		Router: mux.NewRouter().SkipClean(true), fixed: map[string]http.Handler{}, admission: a, responder: answers,
	}
	byPath := map[string]map[string]call{}
	for _, rt := range routes {
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]call{}
			rr.add(rt.path, rr.methods(rt.path, byPath[rt.path]))
		}
		byPath[rt.path][rt.method] = call{rr.adapt(rt), rt.since}
	}
	rr.NotFoundHandler = http.HandlerFunc(answers.UnknownPath)
	return rr
}

func (rr *router) add(path string, to http.Handler) {
	if !strings.Contains(path, "{") {
		rr.fixed[path] = to
		return
	}
	rr.Handle(path, to)
}

// ServeHTTP implements http.Handler.
func (rr *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if to, ok := rr.fixed[r.URL.Path]; ok {
		to.ServeHTTP(w, r)
		return
	}
	rr.Router.ServeHTTP(w, r)
}

// methods picks the handler of the request's method, among those that its microversion has.
func (rr *router) methods(path string, byMethod map[string]call) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http drops the body
		}
		info := request.Of(r)
		c, ok := byMethod[method]
		if ok && (info.Version.AtLeast(c.since) || info.VersionErr != nil) {
			c.ServeHTTP(w, r)
			return
		}
		info.Route = path
		allowed := slices.Sorted(maps.Keys(byMethod))
		allowed = slices.DeleteFunc(allowed, func(m string) bool { return !info.Version.AtLeast(byMethod[m].since) })
		if len(allowed) == 0 {
			rr.responder.UnknownPath(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		rr.responder.WriteError(w, r, answer.MethodNotAllowed(r))
	})
}

// adapt makes a route's handler an http.Handler. Here, and nowhere else, callers are admitted and
// answers are written.
func (rr *router) adapt(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := request.Of(r)
		info.Route = rt.path
		defer func() { info.Grant.Release() }()
		answer, err := rr.handle(rt, r, info)
		if err != nil {
			rr.responder.WriteError(w, r, err)
			return
		}
		rr.responder.Write(w, r, answer)
	})
}

func (rr *router) handle(rt route, r *http.Request, info *request.Info) (any, error) {
	if rt.rule == "" || rt.rule == invokeRule ||
		rt.rule == notifyRule { // of a webhook's callers the handler finds out who they are
		return rt.handle(r, faas.Identity{})
	}
	if err := rr.admission.admit(rt, r, info); err != nil {
		return nil, err
	}
	answer, err := rt.handle(r, info.Identity)
	return answer, refusal(r, rr.admission.policy, info.Identity, err)
}
