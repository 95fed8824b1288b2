package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/webhook"
)

// triggerDoor takes what is sent to the URL of a trigger: by Aodh, by Zaqar, by whoever has it. As
// with webhooks, what costs little comes first: a request whose URL is wrong, or one too many,
// never comes to the database.
type triggerDoor struct {
	store     *store.TriggerStore
	policy    *policy.Enforcer
	auth      auth.Authenticator
	keys      *webhook.Keys
	limiter   *webhook.Limiter
	memory    *memory.Budget
	bodies    fields.Bodies
	receivers map[faas.TriggerSource]receiver
	intake    *trigger.Intake
	results   *prometheus.CounterVec
	now       func() time.Time
}

// receiver makes events of a request to a trigger's URL. An error of kind faas.Invalid or Forbidden
// says that the request is not what the source sends.
type receiver func(d *triggerDoor, r *http.Request, t faas.Trigger, body []byte) ([]event.Event, error)

// notifyRule is asked by the door itself: only when it knows whose trigger is meant can it tell who
// calls.
const notifyRule = "trigger:notify"

func newTriggerResults(registry prometheus.Registerer) *prometheus.CounterVec {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_trigger_requests_total",
		Help: "Requests to triggers' URLs by what became of them: taken, unknown (no such URL), gone (deleted or replaced), " +
			"limited (too many), forged (not what the source sends) or refused (for any other reason).",
	}, []string{"result"})
	registry.MustRegister(results)
	return results
}

// take is POST /v1/triggers/{id}/events.
func (d *triggerDoor) take(r *http.Request, _ faas.Identity) (any, error) {
	taken, result, err := d.answer(r)
	d.results.WithLabelValues(result).Inc()
	return taken, err
}

func (d *triggerDoor) answer(r *http.Request) (answered any, result string, err error) {
	t, result, err := d.admit(r)
	if err != nil {
		return nil, result, err
	}
	body, err := d.bodies.Read(r)
	if err != nil {
		return nil, "refused", err
	}
	receive := d.receivers[t.Source]
	if receive == nil {
		return nil, "gone", noTrigger("its source has no URL")
	}
	events, err := receive(d, r, t, body)
	switch faas.KindOf(err) {
	case faas.Invalid, faas.Forbidden, faas.Unauthenticated, faas.TooLarge:
		return nil, "forged", err
	default:
	}
	if err != nil {
		return nil, "refused", err
	}
	taken := eventsTaken{ExecutionIDs: []string{}}
	for _, e := range events {
		one, err := d.intake.Take(r.Context(), t, e)
		if err != nil {
			return nil, "refused", err
		}
		if one.ExecutionID != "" {
			taken.ExecutionIDs = append(taken.ExecutionIDs, one.ExecutionID)
			request.Of(r).ExecutionID = one.ExecutionID
		}
	}
	return answer.WithStatus{Status: http.StatusAccepted, Body: taken}, "taken", nil
}

// eventsTaken is the answer to whoever sent events: the executions that they are.
type eventsTaken struct {
	ExecutionIDs []string `json:"execution_ids"`
}

// admit finds the trigger whose URL it is.
func (d *triggerDoor) admit(r *http.Request) (t faas.Trigger, result string, err error) {
	at, err := d.checkURL(r)
	if err != nil {
		return t, "unknown", err
	}
	gone, wait := d.limiter.Enter(at)
	switch {
	case wait > 0:
		e := faas.Errorf(faas.Busy, "The trigger is sent more events than it may be; try again later.")
		e.RetryAfter = wait
		return t, "limited", e
	case gone:
		return t, "gone", noTrigger("it was gone a moment ago")
	}
	t, err = d.store.Trigger(r.Context(), faas.AnyProject(), at.ID)
	switch {
	case faas.KindOf(err) == faas.NotFound:
		d.limiter.Gone(at)
		return t, "gone", noTrigger("it was deleted")
	case err != nil:
		return t, "refused", err
	case !t.Current(at.Generation), t.Status == faas.TriggerDeleting:
		d.limiter.Gone(at)
		return t, "gone", noTrigger("its URL was replaced, or it is being deleted")
	}
	return t, "refused", d.enter(r, t)
}

// enter asks policy, and the budget of memory for the body.
func (d *triggerDoor) enter(r *http.Request, t faas.Trigger) (err error) {
	info := request.Of(r)
	info.Identity = faas.Identity{UserID: "trigger:" + t.ID, ProjectID: t.ProjectID, Webhook: true}
	caller := faas.Identity{ProjectID: t.ProjectID, Webhook: true} // one decision for all of a project's
	if err := d.policy.Allow(r.Context(), caller, notifyRule, policy.Target{ProjectID: t.ProjectID}); err != nil {
		return err
	}
	if info.Grant, err = d.memory.Enter(t.ProjectID, memory.RequestCost+d.bodies.Cost(r)); err != nil {
		d.bodies.PassOver(r)
	}
	return err
}

// checkURL takes the request's URL apart and checks its secret, which costs no look at anything.
func (d *triggerDoor) checkURL(r *http.Request) (webhook.URL, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return webhook.URL{}, noTrigger("the query string is malformed")
	}
	id, secrets := strings.ToLower(mux.Vars(r)["id"]), query[secretParameter]
	if !faas.IsID(id) || len(secrets) != 1 {
		return webhook.URL{}, noTrigger("the URL has no secret, or several")
	}
	generation, ok := d.keys.Check(id, faas.Secret(secrets[0]))
	if !ok {
		return webhook.URL{}, noTrigger("the secret is wrong")
	}
	return webhook.URL{ID: id, Generation: generation}, nil
}

// noTrigger is one answer for every URL that leads nowhere. The reason is for the log.
func noTrigger(reason string) error {
	return faas.Errorf(
		faas.NotFound, "No trigger has this URL: it was never one, or the trigger was deleted or has another URL now.",
	).WithCause(errors.New(reason))
}
