package api

import (
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// eventHandlers answer for /v1/executions/{id}/events.
type eventHandlers struct {
	store  *store.ExecutionStore
	policy *policy.Enforcer
}

// executionEvents is the story of an execution.
type executionEvents struct {
	ExecutionID string               `json:"execution_id"`
	Events      []executionEventView `json:"events"`
}

// executionEventView is something that happened to an execution. What is not known is left out.
type executionEventView struct {
	At      *string  `json:"at"`
	Event   string   `json:"event"`
	Times   int      `json:"times"`
	Seconds *float64 `json:"seconds,omitempty"` // that it took
	Worker  string   `json:"worker_id,omitempty"`
	Process string   `json:"process,omitempty"` // for administrators
	Detail  string   `json:"detail,omitempty"`
}

// get is GET /v1/executions/{id}/events. There are a few dozen at most, so that they are no list
// of pages.
func (h *eventHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	executionID, err := request.PathID(r)
	if err != nil {
		return nil, err
	}
	x, err := readOne(r, h.policy, id, func(scope faas.Scope) (faas.Execution, error) {
		return memory.ReadWithin(r.Context(), request.Of(r).Grant, textsOfExecution, func() (faas.Execution, error) {
			return h.store.Execution(r.Context(), scope, executionID)
		})
	})
	if err != nil {
		return nil, err
	}
	story, err := h.store.Story(r.Context(), x)
	if err != nil {
		return nil, err
	}
	// Names of processes are names of machines, as a rule.
	processes := h.policy.Allow(r.Context(), id, "execution:get_events:process",
		policy.Target{ProjectID: x.ProjectID}) == nil
	answer := executionEvents{ExecutionID: x.ID, Events: make([]executionEventView, 0, len(story))}
	for _, e := range story {
		answer.Events = append(answer.Events, viewEvent(e, processes))
	}
	return answer, nil
}

func viewEvent(e faas.StoryEvent, processes bool) executionEventView {
	v := executionEventView{
		At: timeText(e.At), Event: string(e.Kind), Times: max(e.Times, 1), Worker: e.Worker, Detail: e.Detail,
	}
	if e.Took > 0 {
		seconds := float64(e.Took/time.Microsecond) / 1e6
		v.Seconds = &seconds
	}
	if processes {
		v.Process = e.Process
	}
	return v
}
