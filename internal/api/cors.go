package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS lets pages of other origins use the API. Its zero value lets none.
type CORS struct {
	Origins     []string // as browsers send them: scheme://host[:port]; "*" is every one
	Credentials bool     // pages may send credentials; never where every origin may
	Expose      []string // headers of answers that pages may read
	Methods     []string // that pages may use
	Headers     []string // that pages may send, besides those that any may
	MaxAge      time.Duration
}

// simpleHeaders need no leave, by the specification.
var simpleHeaders = []string{"Accept", "Accept-Language", "Content-Language", "Content-Type"}

// cors answers for a CORS.
type cors struct {
	CORS
	all            bool
	expose, maxAge string
}

// newCORS returns nil where no origin may use the API: then answers say nothing of it.
func newCORS(c CORS) *cors {
	if len(c.Origins) == 0 {
		return nil
	}
	origins := make([]string, len(c.Origins))
	for i, origin := range c.Origins {
		origins[i] = strings.ToLower(strings.TrimSuffix(origin, "/"))
	}
	c.Origins = origins
	return &cors{
		CORS: c, all: slices.Contains(origins, "*"), expose: strings.Join(c.Expose, ", "),
		maxAge: strconv.FormatInt(int64(c.MaxAge/time.Second), 10),
	}
}

// answer puts into the answer what a page needs in order to read it, and reports whether that is
// all there is to answer: a browser asks, before it sends what a page wants, whether the page may.
// It asks without a token.
func (c *cors) answer(w http.ResponseWriter, r *http.Request) bool {
	if c == nil {
		return false
	}
	asked := r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
	if !c.origin(w.Header(), r.Header.Get("Origin")) {
		if asked {
			w.WriteHeader(http.StatusNoContent) // without a word of leave, which is a refusal
		}
		return asked
	}
	if !asked {
		if c.expose != "" {
			w.Header().Set("Access-Control-Expose-Headers", c.expose)
		}
		return false
	}
	c.preflight(w.Header(), r)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// origin says whether pages of the origin may read the answer.
func (c *cors) origin(h http.Header, origin string) bool {
	if c.all {
		if origin != "" {
			h.Set("Access-Control-Allow-Origin", "*")
		}
		return origin != ""
	}
	h.Add("Vary", "Origin") // of answers without it too: caches must not hand those to pages
	if origin == "" || !slices.Contains(c.Origins, strings.ToLower(origin)) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

// preflight grants the method and the headers that the browser asks for, all of them or nothing.
func (c *cors) preflight(h http.Header, r *http.Request) {
	method, headers := r.Header.Get(
		"Access-Control-Request-Method",
	), strings.Join(
		r.Header.Values("Access-Control-Request-Headers"), ",",
	)
	if !slices.Contains(c.Methods, method) || !c.maySend(headers) {
		h.Del("Access-Control-Allow-Origin")
		h.Del("Access-Control-Allow-Credentials")
		return
	}
	h.Set("Access-Control-Allow-Methods", method)
	if headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", c.maxAge)
	}
}

func (c *cors) maySend(headers string) bool {
	for name := range strings.SplitSeq(headers, ",") {
		same := func(known string) bool { return strings.EqualFold(known, strings.TrimSpace(name)) }
		if strings.TrimSpace(name) != "" && !slices.ContainsFunc(c.Headers, same) &&
			!slices.ContainsFunc(simpleHeaders, same) {
			return false
		}
	}
	return true
}
