package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const requestIDHeader = "X-Openstack-Request-Id"

// requestInfo is what is known of a request besides the request itself, for logs and metrics.
type requestInfo struct {
	id          string       // ours: req-<uuid>
	globalID    string       // the caller's, from the service that it came through; "" for none
	route       string       // the path with its variables' names, never their values
	version     Microversion // that the request is for
	versionErr  error        // it asks for one that is not there
	identity    faas.Identity
	executionID string
	grant       *grant // what the request holds of the budget of memory; nil for one that asks for no identity
	err         error
}

// recorded is the id that goes into records: the one that follows a request through the cloud, if
// there is one.
func (i *requestInfo) recorded() string {
	if i.globalID != "" {
		return i.globalID
	}
	return i.id
}

type infoKey struct{}

// infoOf returns what ServeHTTP has put there.
func infoOf(r *http.Request) *requestInfo {
	info, ok := r.Context().Value(infoKey{}).(*requestInfo)
	if !ok {
		return &requestInfo{version: minVersion} // a handler that was called without ServeHTTP
	}
	return info
}

// RequestID returns the id of the request whose context it is; "" outside of one.
func RequestID(ctx context.Context) string {
	info, ok := ctx.Value(infoKey{}).(*requestInfo)
	if !ok {
		return ""
	}
	return info.id
}

// noRoute is what metrics say of paths that do not exist; the paths themselves are a stranger's to
// choose.
const noRoute = "none"

// ServeHTTP returns the request an id, answers it, and tells log and metrics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := s.now()
	info := &requestInfo{id: "req-" + faas.NewID(), globalID: globalRequestID(r), route: noRoute}
	r = r.WithContext(context.WithValue(r.Context(), infoKey{}, info))
	answer := &answerWriter{ResponseWriter: w, pace: s.pace}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // of the answer before, on the same connection
	answer.Header()[requestIDHeader] = []string{info.id}
	info.setVersion(answer, r)
	if s.draining.Load() {
		answer.Header().Set("Connection", "close")
	}
	defer func() {
		if p := recover(); p != nil {
			s.panicked(answer, r, p)
		}
		s.finished(answer, r, info, s.now().Sub(begin))
	}()
	if s.cors.answer(answer, r) {
		return
	}
	s.router.ServeHTTP(answer, r)
}

// globalRequestID takes up the id of a request that comes through another service, if it has the
// form that OpenStack gives it.
func globalRequestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	if uuid, ok := strings.CutPrefix(id, "req-"); ok && faas.IsID(uuid) {
		return id
	}
	return ""
}

// panicked answers a request whose handler failed in a way that nobody foresaw.
func (s *Server) panicked(w *answerWriter, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to cut a connection
	}
	info := infoOf(r)
	s.log.Error(
		"a handler panicked", "request_id", info.id, "route", info.route, "panic", p, "stack",
		string(debug.Stack()),
	)
	if w.status == 0 {
		s.writeError(w, r, errors.New("panic"))
	}
}

// finished counts the request and writes the access log's line.
func (s *Server) finished(w *answerWriter, r *http.Request, info *requestInfo, took time.Duration) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	s.metrics.request(r.Method, info.route, w.status, took)
	level := slog.LevelInfo
	switch {
	case w.status == http.StatusInternalServerError:
		level = slog.LevelError
	case info.route == "/healthcheck":
		level = slog.LevelDebug // asked every few seconds by machines
	}
	if s.log.Enabled(r.Context(), level) {
		s.log.LogAttrs(r.Context(), level, "request", info.attrs(w, r, took)...)
	}
}

// attrs are the fields of the access log's line; those that are empty are left out.
func (i *requestInfo) attrs(w *answerWriter, r *http.Request, took time.Duration) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(
		attrs,
		slog.String("request_id", i.id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int(
			"status", w.status,
		),
		slog.Int64("bytes", w.bytes),
		slog.Duration("duration", took),
		slog.String("remote", r.RemoteAddr),
	)
	for _, a := range [...]struct{ key, value string }{
		{"global_request_id", i.globalID}, {"project_id", i.identity.ProjectID}, {"user_id", i.identity.UserID},
		{"execution_id", i.executionID},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if i.err != nil {
		attrs = append(attrs, slog.String("error", i.err.Error()))
	}
	return attrs
}

// answerWriter remembers what was answered, and cuts off a reader that does not take it.
type answerWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
	pace   pace
	begun  time.Time // when the first bytes were written
}

// pace is how fast readers must be. Who is slower holds memory, files and connections for as long
// as they like.
type pace struct {
	grace   time.Duration // how long the first bytes may take, and how far a reader may fall behind
	perByte time.Duration
}

// defaultPace lets readers take as little as 32 KiB a second.
var defaultPace = pace{grace: 30 * time.Second, perByte: time.Second / (32 << 10)}

// writeChunk is how many bytes are written under one deadline: what a connection buffers besides is
// not seen.
const writeChunk = 64 << 10

// WriteHeader remembers the status.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *answerWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	for written := 0; ; {
		chunk := b[written:min(len(b), written+writeChunk)]
		w.limitTime()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		w.bytes += int64(n)
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

// limitTime returns the reader until the deadline that what it has taken so far allows. The last
// deadline stays, for what the server still holds when the handler returns; ServeHTTP lifts it when
// the connection's next request comes.
func (w *answerWriter) limitTime() {
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	deadline := w.begun.Add(w.pace.grace + time.Duration(w.bytes)*w.pace.perByte)
	// a connection without deadlines has none to keep
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(deadline)
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
