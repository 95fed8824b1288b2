package api

import (
	"context"
	"log/slog"
	"net/http"
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

// recordedRequest returns the id that goes into the records of what the request whose context it is
// asks for; "" outside of one.
func recordedRequest(ctx context.Context) string {
	info, ok := ctx.Value(infoKey{}).(*requestInfo)
	if !ok {
		return ""
	}
	return info.recorded()
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

// globalRequestID takes up the id of a request that comes through another service, if it has the
// form that OpenStack gives it.
func globalRequestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	if uuid, ok := strings.CutPrefix(id, "req-"); ok && faas.IsID(uuid) {
		return id
	}
	return ""
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
