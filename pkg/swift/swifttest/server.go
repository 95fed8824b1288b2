// Package swifttest is a small Swift for tests, which answers as the real one was seen to. Tests of
// pkg/swift hold both against the same.
package swifttest

import (
	"crypto/md5" //nolint:gosec // Swift's own checksum
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Server is a Swift whose accounts are there without being made.
type Server struct {
	server *httptest.Server

	mu         sync.Mutex
	tokens     map[string]string // the account of each
	containers map[string]map[string]*object
	requests   []string
	status     int
	stale      int // answers that there is no such container
	hold       chan struct{}
}

type object struct {
	body     []byte
	etag     string // as in the header
	modified time.Time
	unlisted bool
}

const octets = "application/octet-stream" // the type of every object

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{tokens: map[string]string{}, containers: map[string]map[string]*object{}}
	s.server = httptest.NewServer(s)
	t.Cleanup(func() {
		s.Release()
		s.server.Close()
	})
	return s
}

// Grant lets a token use a project's account and returns the account's URL.
func (s *Server) Grant(token, project string) (endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = "AUTH_" + project
	return s.Endpoint(project)
}

// Endpoint is the URL of a project's account.
func (s *Server) Endpoint(project string) string { return s.server.URL + "/v1/AUTH_" + project }

// Revoke makes a token one that is not known.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// Fail has every request answered with the status; 0 ends that.
func (s *Server) Fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Stale has the next objects that are put be told that their container does not exist, as a cache
// does that knows nothing of a new one.
func (s *Server) Stale(answers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = answers
}

// Hold keeps requests without an answer until Release.
func (s *Server) Hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold = make(chan struct{})
}

// Release ends Hold.
func (s *Server) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hold != nil {
		close(s.hold)
		s.hold = nil
	}
}

// Requests returns what was asked since it was called last: methods and paths.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.requests
	s.requests = nil
	return asked
}

// Put stores an object, making its container.
func (s *Server) Put(project, container, name string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := "AUTH_" + project + "/" + container
	if s.containers[at] == nil {
		s.containers[at] = map[string]*object{}
	}
	s.containers[at][name] = &object{body: body, etag: sum(body), modified: time.Now()}
}

// PutLarge stores an object as one of segments shows: its ETag is in quotes, and no MD5 of its
// bytes.
func (s *Server) PutLarge(project, container, name string, body []byte) {
	s.Put(project, container, name, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers["AUTH_"+project+"/"+container][name].etag = `"` + sum([]byte(sum(body))) + `"`
}

// List says whether an object is in its container's list: a list may be late.
func (s *Server) List(project, container, name string, listed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers["AUTH_"+project+"/"+container][name].unlisted = !listed
}

// Delete takes an object away.
func (s *Server) Delete(project, container, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.containers["AUTH_"+project+"/"+container], name)
}

func sum(body []byte) string {
	digest := md5.Sum(body) //nolint:gosec // as above
	return hex.EncodeToString(digest[:])
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: nothing was stored
	}
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	hold, status := s.hold, s.status
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := strings.SplitN(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/"), "/", 3)
	account, known := s.tokens[r.Header.Get("X-Auth-Token")]
	switch {
	case !known:
		w.WriteHeader(http.StatusUnauthorized)
	case account != parts[0]:
		w.WriteHeader(http.StatusForbidden)
	case len(parts) == 2:
		s.container(w, r, account+"/"+decoded(parts[1]))
	case len(parts) == 3:
		s.object(w, r, account+"/"+decoded(parts[1]), decoded(parts[2]), body)
	default:
		w.WriteHeader(http.StatusNotImplemented)
	}
}

func decoded(part string) string {
	text, err := url.PathUnescape(part)
	if err != nil {
		return part
	}
	return text
}

func (s *Server) container(w http.ResponseWriter, r *http.Request, at string) {
	objects, there := s.containers[at]
	switch {
	case r.Method == http.MethodPut && there:
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		s.containers[at] = map[string]*object{}
		w.WriteHeader(http.StatusCreated)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		list(w, r, objects)
	case r.Method == http.MethodDelete && len(objects) > 0:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodDelete:
		delete(s.containers, at)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

type entry struct {
	Name     string `json:"name"`
	Bytes    int    `json:"bytes"`
	Hash     string `json:"hash"`
	Type     string `json:"content_type"`
	Modified string `json:"last_modified"`
}

func list(w http.ResponseWriter, r *http.Request, objects map[string]*object) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		limit = 10_000
	}
	if limit > 10_000 {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	page, count, size := []entry{}, 0, 0
	marker, prefix := r.URL.Query().Get("marker"), r.URL.Query().Get("prefix")
	for name, o := range objects {
		if o.unlisted {
			continue
		}
		count, size = count+1, size+len(o.body)
		if name > marker && strings.HasPrefix(name, prefix) {
			page = append(page, entry{
				name, len(o.body), strings.Trim(o.etag, `"`), octets, o.modified.UTC().Format("2006-01-02T15:04:05.000000"),
			})
		}
	}
	w.Header().Set("X-Container-Object-Count", strconv.Itoa(count))
	w.Header().Set("X-Container-Bytes-Used", strconv.Itoa(size))
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	slices.SortFunc(page, func(a, b entry) int { return strings.Compare(a.Name, b.Name) })
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(page[:min(limit, len(page))]) // nobody may be there to read it
}

func (s *Server) object(w http.ResponseWriter, r *http.Request, at, name string, body []byte) {
	objects, there := s.containers[at]
	o := objects[name]
	if s.stale > 0 && r.Method == http.MethodPut {
		s.stale--
		there = false
	}
	switch {
	case !there, o == nil && r.Method != http.MethodPut:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut && r.Header.Get("Etag") != "" && r.Header.Get("Etag") != sum(body):
		w.WriteHeader(http.StatusUnprocessableEntity)
	case r.Method == http.MethodPut:
		objects[name] = &object{body: body, etag: sum(body), modified: time.Now()}
		w.Header().Set("Etag", sum(body))
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPost:
		o.modified = time.Now()
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodDelete:
		delete(objects, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.Header().Set("Etag", o.etag)
		w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", octets)
		w.Header().Set("Content-Length", strconv.Itoa(len(o.body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(o.body) // as above
		}
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
