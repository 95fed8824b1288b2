package api

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
)

// noRoute is what metrics say of paths that do not exist; the paths themselves are a stranger's to
// choose.
const noRoute = "none"

// attrs are the fields of the access log's line; those that are empty are left out.
func attrs(i *request.Info, w *answer.Writer, r *http.Request, took time.Duration) []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(
		attrs,
		slog.String("request_id", i.ID),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int(
			"status", w.Status,
		),
		slog.Int64("bytes", w.Bytes),
		slog.Duration("duration", took),
		slog.String("remote", r.RemoteAddr),
	)
	for _, a := range [...]struct{ key, value string }{
		{"global_request_id", i.GlobalID}, {"project_id", i.Identity.ProjectID}, {"user_id", i.Identity.UserID},
		{"execution_id", i.ExecutionID},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if i.Err != nil {
		attrs = append(attrs, slog.String("error", i.Err.Error()))
	}
	return attrs
}
