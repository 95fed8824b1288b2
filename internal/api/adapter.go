package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// handler does one call of the API. What it returns is the answer: a value is 200 and JSON, the
// types below are more than that, and an error is what faults.go makes of it.
type handler func(r *http.Request, id faas.Identity) (any, error)

// Answers other than 200 with JSON.
type (
	created    struct{ body any } // 201 with JSON
	noContent  struct{}           // 204 without a body
	plainText  string             // 200, text/plain
	withStatus struct {           // any status; a plainText, or JSON
		status int
		body   any
	}
	packageFile struct { // 200, a zip to keep
		name string
		size int64
		body io.ReadCloser
	}
)

// adapt makes a route's handler an http.Handler. Here, and nowhere else, callers are authenticated,
// the route's rule is asked, and answers are written.
func (s *Server) adapt(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info := infoOf(r)
		info.route = rt.path
		limitTime(w, r)
		defer func() { info.grant.release() }()
		answer, err := s.handle(rt, r, info)
		if err != nil {
			s.writeError(w, r, err)
			return
		}
		s.write(w, r, answer)
	})
}

func (s *Server) handle(rt route, r *http.Request, info *requestInfo) (any, error) {
	if rt.rule == "" {
		return rt.handle(r, faas.Identity{})
	}
	if info.versionErr != nil {
		return nil, info.versionErr
	}
	id, err := s.cfg.Auth.Authenticate(r)
	if err != nil {
		return nil, err
	}
	info.identity = id
	if err := s.cfg.Policy.Allow(r.Context(), id, rt.rule, policy.Target{ProjectID: id.ProjectID}); err != nil {
		return nil, err
	}
	if info.grant, err = s.memory.enter(id.ProjectID, requestCost+s.bodyCost(r)); err != nil {
		s.passOver(r)
		return nil, err
	}
	if rt.method == http.MethodPost && id.ProjectID == "" { // a token for a domain or the system
		return nil, faas.Errorf(
			faas.Forbidden,
			"Operation not allowed: a token scoped to a project is required.",
		)
	}
	return rt.handle(r, id)
}

// write writes an answer that is no error.
func (s *Server) write(w http.ResponseWriter, r *http.Request, answer any) {
	switch a := answer.(type) {
	case created:
		s.writeJSON(w, r, http.StatusCreated, a.body)
	case noContent:
		w.WriteHeader(http.StatusNoContent)
	case plainText:
		s.writeText(w, r, http.StatusOK, string(a))
	case packageFile:
		s.writePackage(w, r, a)
	case listAnswer:
		s.writeList(w, r, a)
	case withStatus:
		if text, ok := a.body.(plainText); ok {
			s.writeText(w, r, a.status, string(text))
			return
		}
		s.writeJSON(w, r, a.status, a.body)
	default:
		s.writeJSON(w, r, http.StatusOK, a)
	}
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // a value of ours that cannot be JSON is a mistake of ours
		s.writeError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.writeBytes(w, r, status, text)
}

// writeText answers with text that may be a user's: never to be taken for anything else, whatever
// it looks like.
func (s *Server) writeText(w http.ResponseWriter, r *http.Request, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	s.writeBytes(w, r, status, []byte(text))
}

func (s *Server) writeBytes(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("the caller did not take the answer", "request_id", infoOf(r).id, "error", err)
	}
}

func (s *Server) writePackage(w http.ResponseWriter, r *http.Request, p packageFile) {
	defer p.body.Close()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+p.name+`"`)
	h.Set("Content-Length", strconv.FormatInt(p.size, 10))
	if r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(w, p.body); err != nil {
		s.log.Warn("a package was not sent to its end", "request_id", infoOf(r).id, "error", err)
	}
}
