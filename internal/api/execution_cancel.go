package api

import (
	"log/slog"
	"net/http"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/store"
)

// cancelHandlers cancel executions.
type cancelHandlers struct {
	store   *store.ExecutionLifecycle
	engines *engineclient.Client
	notify  *notify.Notifier
	metrics *metrics
	log     *slog.Logger
}

// cancel is POST /v1/executions/{id}/cancel. The answer is the record, which is settled by then: a
// call that ran ends a moment later, by the process that runs it.
func (h *cancelHandlers) cancel(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	x, err := h.store.Cancel(r.Context(), faas.ProjectScope(id), executionID, store.Cancellation{
		Output: faas.OutputCancelled, Events: h.notify.Ended,
		Story: faas.StoryEvent{Kind: faas.StoryCancelled, Detail: "by user " + id.UserID},
	})
	if err != nil {
		return nil, err
	}
	h.metrics.cancelled(x)
	if !x.StartedAt.IsZero() {
		if err := h.engines.Cancelled(r.Context(), executionID); err != nil {
			h.log.Warn("nobody could be told that an execution was cancelled; its call runs until its timeout",
				"request_id", request.Of(r).ID, "execution_id", executionID, "error", err)
		}
	}
	return answer.WithStatus{Status: http.StatusAccepted, Body: executionViewer(r)(x)}, nil
}
