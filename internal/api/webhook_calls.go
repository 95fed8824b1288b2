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
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/webhook"
)

// webhookCalls answer whoever has the URL of a webhook, and nothing else to prove who they are.
// What costs little comes first: a request whose URL is wrong, or one too many, never comes to the
// database, and one that is not for a webhook's function has no body read.
type webhookCalls struct {
	store   *store.Store
	policy  *policy.Enforcer
	keys    *webhook.Keys
	limiter *webhook.Limiter
	memory  *memory.Budget
	bodies  fields.Bodies
	inputs  webhookInputs
	runs    *syncRuns
	submit  *submit.Submitter
	metrics *metrics
	results *prometheus.CounterVec
	now     func() time.Time
}

// invokeRule is asked by the handler itself: only when it knows whose webhook is called can it tell
// who calls.
const invokeRule = "webhook:invoke"

// The parameters in the query string of a webhook's URL that are ours.
const (
	secretParameter = webhook.SecretParameter
	syncParameter   = "sync"
)

func newWebhookResults(registry prometheus.Registerer) *prometheus.CounterVec {
	results := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_webhook_calls_total",
		Help: "Calls of webhooks by what became of them: accepted, unknown (no such URL), gone (deleted, expired or replaced), " +
			"limited (too many), unsigned (a signature is wrong), or refused (for any other reason).",
	}, []string{"result"})
	registry.MustRegister(results)
	return results
}

// webhookCall is one request to a webhook.
type webhookCall struct {
	url   webhook.URL
	query url.Values // without the secret
	hook  faas.Webhook
	body  []byte
	// suspect says that hook is as it was for a forgery a moment ago.
	suspect bool
}

// invoke is POST /v1/webhooks/{id}/invoke.
func (h *webhookCalls) invoke(r *http.Request, _ faas.Identity) (any, error) {
	answer, result, err := h.answer(r)
	if err != nil && result == "" {
		result = "refused"
	}
	h.results.WithLabelValues(result).Inc()
	return answer, err
}

// answer answers a call; result is what it is counted as, "" for refused.
func (h *webhookCalls) answer(r *http.Request) (answer any, result string, err error) {
	var c webhookCall
	if result, err = h.admit(r, &c); err != nil {
		return nil, result, err
	}
	if c.body, err = h.bodies.Read(r); err != nil {
		return nil, "", err
	}
	if result, err = h.prove(r, &c); err != nil {
		return nil, result, err
	}
	if wait := h.limiter.Accept(c.url, c.hook.RateLimit); wait > 0 {
		return nil, "limited", tooMany(wait)
	}
	answer, err = h.run(r, &c)
	if err != nil {
		return nil, "", err
	}
	return answer, "accepted", nil
}

// admit finds the webhook that the request may call.
func (h *webhookCalls) admit(r *http.Request, c *webhookCall) (result string, err error) {
	if err := h.checkURL(r, c); err != nil {
		return "unknown", err
	}
	gone, wait := h.limiter.Enter(c.url)
	switch {
	case wait > 0:
		return "limited", tooMany(wait)
	case gone:
		return "gone", noWebhook("it was gone a moment ago")
	}
	c.hook, c.suspect = h.limiter.Suspected(c.url)
	if !c.suspect || h.standing(c, nil) != nil {
		if result, err = h.lookUp(r, c); err != nil {
			return result, err
		}
	}
	info := request.Of(r)
	info.Identity = faas.Identity{UserID: webhookUser(c.hook), ProjectID: c.hook.ProjectID, Webhook: true}
	caller := faas.Identity{ProjectID: c.hook.ProjectID, Webhook: true} // one decision for all of a project's
	if err := h.policy.Allow(r.Context(), caller, invokeRule, policy.Target{ProjectID: caller.ProjectID}); err != nil {
		return "", err
	}
	if info.Grant, err = h.memory.Enter(caller.ProjectID, memory.RequestCost+h.bodies.Cost(r)); err != nil {
		h.bodies.PassOver(r)
	}
	return "", err
}

// lookUp reads the webhook. The secret proves that the caller means one of this id, whichever
// project's it is. From here on everything is looked up in that project.
func (h *webhookCalls) lookUp(r *http.Request, c *webhookCall) (result string, err error) {
	c.suspect = false
	c.hook, err = h.store.Webhook(r.Context(), faas.AnyProject(), c.url.ID)
	if err != nil && faas.KindOf(err) != faas.NotFound {
		return "", err
	}
	if err := h.standing(c, err); err != nil {
		h.limiter.Gone(c.url)
		return "gone", err
	}
	return "", nil
}

// prove checks that the request is of a sender of the webhook's. Many forgeries cost one look at
// the database in a moment: the others are refused by the webhook as it was then.
func (h *webhookCalls) prove(r *http.Request, c *webhookCall) (result string, err error) {
	err = h.verify(r, c)
	if err == nil && c.suspect {
		if result, err = h.lookUp(r, c); err != nil {
			return result, err
		}
		err = h.verify(r, c)
	}
	if faas.KindOf(err) == faas.Forbidden && !c.suspect {
		h.limiter.Forged(c.url, c.hook)
	}
	return "unsigned", err
}

// webhookUser is whom records and logs name as the one who asked for an execution.
func webhookUser(w faas.Webhook) string { return "webhook:" + w.ID }

// checkURL takes the request's URL apart and checks its secret, which costs no look at anything.
func (h *webhookCalls) checkURL(r *http.Request, c *webhookCall) error {
	var err error
	if c.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return noWebhook("the query string is malformed")
	}
	secrets := c.query[secretParameter]
	delete(c.query, secretParameter)
	c.url.ID = strings.ToLower(mux.Vars(r)["id"])
	if !faas.IsID(c.url.ID) || len(secrets) != 1 {
		return noWebhook("the URL has no secret, or several")
	}
	var ok bool
	if c.url.Generation, ok = h.keys.Check(c.url.ID, faas.Secret(secrets[0])); !ok {
		return noWebhook("the secret is wrong")
	}
	return nil
}

// standing says why the webhook that was looked up is not to be called by this URL, nil when it is.
func (h *webhookCalls) standing(c *webhookCall, missing error) error {
	switch now := h.now(); {
	case missing != nil:
		return noWebhook("it was deleted")
	case !c.hook.Current(c.url.Generation, now):
		return noWebhook("the URL was replaced")
	case c.hook.Expired(now):
		return noWebhook("it has expired")
	}
	return nil
}

// noWebhook is one answer for every URL that leads nowhere, so that nobody learns by it which
// webhooks there are or were. The reason is for the log.
func noWebhook(reason string) error {
	return faas.Errorf(
		faas.NotFound,
		"No webhook has this URL: it was never one, or the webhook was deleted, has expired or has another URL now.",
	).WithCause(errors.New(reason))
}

func tooMany(wait time.Duration) error {
	e := faas.Errorf(faas.Busy, "The webhook is called more often than it may be; try again later.")
	e.RetryAfter = wait
	return e
}

// verify checks the signature that the webhook demands, by its secret or, while both hold, the one
// before. What was wrong is for the log: an answer that told it would help with the next forgery.
func (h *webhookCalls) verify(r *http.Request, c *webhookCall) error {
	if c.hook.Signature == faas.SignatureNone {
		return nil
	}
	sealed := []string{c.hook.SigningSecret}
	if c.hook.PreviousKey != "" && h.now().Before(c.hook.PreviousUntil) {
		sealed = append(sealed, c.hook.PreviousKey)
	}
	var secrets []faas.Secret
	for _, text := range sealed {
		secret, err := h.keys.Open(c.hook.ID, text)
		if err != nil {
			return err // ours: the log has it
		}
		secrets = append(secrets, secret)
	}
	if err := webhook.Verify(c.hook.Signature, secrets, r.Header, c.body, h.now()); err != nil {
		return faas.Errorf(faas.Forbidden, "The webhook takes signed requests only: the signature is missing, wrong or too old.").
			WithCause(err)
	}
	return nil
}

// run has the webhook's function run with what the request brought.
func (h *webhookCalls) run(r *http.Request, c *webhookCall) (any, error) {
	sync, err := c.wantsResult()
	if err != nil {
		return nil, err
	}
	input, err := h.inputs.of(r, c)
	if err != nil {
		return nil, err
	}
	called, err := h.store.Resolve(r.Context(), faas.OneProject(c.hook.ProjectID), c.hook.Calls)
	if faas.KindOf(err) == faas.NotFound {
		return nil, faas.Errorf(faas.NotFound, "What the webhook calls is not there any more.").WithCause(err)
	} else if err != nil {
		return nil, err
	}
	info := request.Of(r)
	x := faas.Execution{
		ID: faas.NewID(), ProjectID: c.hook.ProjectID, UserID: webhookUser(c.hook), RequestID: info.Recorded(),
		CreatedAt: h.now(), FunctionID: called.Function.ID, FunctionVersion: called.Version, FunctionAlias: c.hook.Calls.Alias,
		Sync: sync, Input: input, Description: "Created by Webhook " + c.hook.ID,
		FollowUp: !sync && called.Function.Follows(),
	}
	info.ExecutionID = x.ID
	if sync {
		if x, err = h.runs.run(r.Context(), called, x); err != nil {
			return nil, err
		}
		return outputOf(x)
	}
	if x, err = h.submit.Submit(r.Context(), x); err != nil {
		return nil, err
	}
	h.metrics.execution(faas.ExecutionQueued)
	return answer.WithStatus{Status: http.StatusAccepted, Body: map[string]string{"execution_id": x.ID}}, nil
}
