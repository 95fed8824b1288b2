package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
)

// deadLetterHandlers answer for /v1/triggers/{id}/dead_letters, and have events executed again.
type deadLetterHandlers struct {
	store  *store.Store
	submit *submit.Submitter
	policy *policy.Enforcer
	bodies fields.Bodies
	lists  list.Reader
	events *trigger.Intake // makes inputs of events that were none yet
}

const (
	// maxReplays is how many dead letters one request has executed again.
	maxReplays = 100
	// replayMemory is about what it takes in memory at most: it has one event in hand at a time.
	replayMemory = 8 << 20
)

func (h *deadLetterHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return nil, err
	}
	l, scope, err := h.lists.Read(r, id, "trigger:get_all:all_projects")
	if err != nil {
		return nil, err
	}
	t, err := readOne(r, h.policy, id, func(own faas.Scope) (faas.Trigger, error) {
		if l.AllProjects || l.ProjectID != "" {
			own = scope
		}
		return h.store.Trigger(r.Context(), own, triggerID)
	})
	if err != nil {
		return nil, err
	}
	texts := func(d faas.DeadLetter) int {
		return len(d.Input) + len(d.Why) + len(d.EventID) + len(d.EventSource) + len(d.EventType)
	}
	rows, err := list.Read(r, l.Query, texts, func() (store.Page[faas.DeadLetter], error) {
		return h.store.DeadLetters(r.Context(), faas.OneProject(t.ProjectID), t.ID, l.Query)
	})
	if err != nil {
		return nil, err
	}
	return list.Page(h.lists.Endpoint, r, "dead_letters", rows, viewDeadLetter), nil
}

// trigger returns the caller's trigger that the path names.
func (h *deadLetterHandlers) trigger(r *http.Request, id faas.Identity) (faas.Trigger, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return faas.Trigger{}, err
	}
	return h.store.Trigger(r.Context(), faas.ProjectScope(id), triggerID)
}

func (h *deadLetterHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	t, err := h.trigger(r, id)
	if err != nil {
		return nil, err
	}
	letter := mux.Vars(r)["execution"]
	if !faas.IsID(letter) {
		return nil, faas.Errorf(faas.Invalid, "The dead letter's id in the path must be a UUID; it is %q.", request.Short(letter))
	}
	err = h.store.DeleteDeadLetter(r.Context(), faas.OneProject(t.ProjectID), t.ID, strings.ToLower(letter))
	if err != nil {
		return nil, err
	}
	return answer.NoContent{}, nil
}

// replayed is the answer to a replay.
type replayed struct {
	Executions []replayedLetter `json:"executions"`
	More       bool             `json:"more"` // there are dead letters left
}

type replayedLetter struct {
	ID         string `json:"id"` // of the execution
	DeadLetter string `json:"dead_letter"`
}

// replay is POST /v1/triggers/{id}/replay: what the trigger calls now is executed with the events
// of dead letters, which are then no letters any more.
func (h *deadLetterHandlers) replay(r *http.Request, id faas.Identity) (any, error) {
	o, err := h.bodies.ReadObjectOrNothing(r, "dead_letters")
	if err != nil {
		return nil, err
	}
	asked := lettersField(o)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	t, err := h.trigger(r, id)
	if err != nil {
		return nil, err
	}
	if t.Status == faas.TriggerDeleting {
		return nil, faas.Errorf(faas.Conflict, "Trigger %s is being deleted.", t.ID)
	}
	all := asked == nil
	if all {
		if asked, err = h.store.OldestDeadLetters(r.Context(), t.ID, maxReplays+1); err != nil {
			return nil, err
		}
	}
	called, err := h.store.Resolve(r.Context(), faas.OneProject(t.ProjectID), t.Calls)
	if err != nil {
		return nil, err
	}
	if err := request.Of(r).Grant.Await(r.Context(), replayMemory); err != nil {
		return nil, err
	}
	done := replayed{Executions: []replayedLetter{}}
	var never error
	for n, letter := range asked {
		if n == maxReplays {
			done.More = true
			break
		}
		made, err := h.again(r.Context(), t, called, letter)
		switch {
		case err == nil:
			done.Executions = append(done.Executions, replayedLetter{made, letter})
		case all && faas.KindOf(err) == faas.NotFound: // somebody else was first
		case all && impossible(err): // it can be no execution still; the others are not to wait for it
			never = err
		case len(done.Executions) > 0: // what was done is told, and what was not is there still
			done.More = true
			return answer.WithStatus{Status: http.StatusAccepted, Body: done}, nil
		default:
			return nil, err
		}
	}
	if never != nil && len(done.Executions) == 0 {
		return nil, never
	}
	return answer.WithStatus{Status: http.StatusAccepted, Body: done}, nil
}

// impossible reports whether the error says that an event can be no execution.
func impossible(err error) bool {
	return faas.KindOf(err) == faas.Invalid || faas.KindOf(err) == faas.TooLarge
}

// lettersField returns the ids of dead letters; nil where none are named.
func lettersField(o *fields.Object) []string {
	raw, ok := o.Get("dead_letters")
	if !ok {
		return nil
	}
	ids := []string{}
	if json.Unmarshal(raw, &ids) != nil || len(ids) == 0 || len(ids) > maxReplays ||
		slices.ContainsFunc(ids, func(id string) bool { return !faas.IsID(id) }) {
		o.Refuse("dead_letters must be a list of 1 to %d ids of dead letters; it is %s.", maxReplays, request.Short(string(raw)))
		return nil
	}
	for i := range ids {
		ids[i] = strings.ToLower(ids[i])
	}
	return ids
}

// again has the event of a dead letter executed as if it had just come, and returns the execution.
func (h *deadLetterHandlers) again(
	ctx context.Context, t faas.Trigger, called faas.Callable, letter string,
) (string, error) {
	scope := faas.OneProject(t.ProjectID)
	l, err := h.store.DeadLetter(ctx, scope, t.ID, letter)
	if err != nil {
		return "", err
	}
	id, input, err := h.inputAgain(t, l)
	if err != nil {
		return "", err
	}
	x, err := h.submit.SubmitWith(ctx, faas.Execution{
		ID: id, ProjectID: t.ProjectID, UserID: t.UserID, RequestID: request.RecordedID(ctx), FunctionID: called.Function.ID,
		FunctionVersion: called.Version, FunctionAlias: t.Calls.Alias, Description: "Created by Trigger " + t.ID,
		Input: input, TriggerID: t.ID, FollowUp: true,
	}, func(ctx context.Context, x faas.Execution) error { return h.store.Replay(ctx, scope, t.ID, letter, x) })
	if id != "" && faas.KindOf(err) == faas.Conflict { // it came again meanwhile, and is an execution
		return id, h.store.DeleteDeadLetter(ctx, scope, t.ID, letter)
	}
	return x.ID, err
}

// inputAgain returns the input of the execution of a dead letter. That of executions that failed is
// theirs, as from the first attempt on. An event that could be none is made one by the trigger as
// it is now, with the id that the event gives it: it is the one execution of it.
func (h *deadLetterHandlers) inputAgain(t faas.Trigger, l faas.DeadLetter) (id, input string, err error) {
	e, ok, err := event.FromInput(l.Input)
	ok = ok && err == nil
	switch {
	case l.Attempts > 0 && !ok:
		return "", l.Input, nil
	case l.Attempts > 0:
		input, err = event.ReplaceIn(l.Input, event.WithAttempt(e, 1))
		return "", input, err
	case !ok:
		return "", "", faas.Errorf(faas.TooLarge, "Of the event of dead letter %s nothing is kept but its id, "+
			"for it was too large: it cannot be executed.", l.ID)
	}
	input, err = h.events.Input(t, e)
	return faas.IDOfEvent(t.ID, e.Source(), e.ID(), 1), input, err
}

type deadLetterView struct {
	ID          string   `json:"id"` // of the execution that failed last, if there was one
	TriggerID   string   `json:"trigger_id"`
	EventID     *string  `json:"event_id"`
	EventSource *string  `json:"event_source"`
	EventType   *string  `json:"event_type"`
	Reason      *string  `json:"reason"`
	Attempts    int      `json:"attempts"`
	Input       *string  `json:"input"`
	ProjectID   string   `json:"project_id"`
	CreatedAt   *string  `json:"created_at"`
	Truncated   []string `json:"truncated,omitempty"` // attributes that the list has cut
}

func viewDeadLetter(l faas.DeadLetter) deadLetterView {
	v := deadLetterView{
		ID: l.ID, TriggerID: l.TriggerID, EventID: orNull(l.EventID), EventSource: orNull(l.EventSource),
		EventType: orNull(l.EventType), Reason: orNull(l.Why), Attempts: l.Attempts, Input: orNull(l.Input),
		ProjectID: l.ProjectID, CreatedAt: timeText(l.CreatedAt),
	}
	if l.InputCut != 0 {
		v.Input, v.Truncated = orNull(cutText{Size: l.InputCut}.text()), []string{"input"}
	}
	return v
}
