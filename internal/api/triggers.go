package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/webhook"
)

// triggerHandlers answer for /v1/triggers; triggerDoor takes what is sent to triggers' URLs.
type triggerHandlers struct {
	store    *store.Store
	policy   *policy.Enforcer
	engines  *engineclient.Client
	keys     *webhook.Keys
	sources  triggerSources
	trusts   *trusts.Trusts
	bodies   fields.Bodies
	lists    list.Reader
	endpoint answer.Endpoint // of the triggers' URLs
	quota    projectQuota
	log      *slog.Logger
	now      func() time.Time
}

var triggerFields = []string{"name", "description", "settings", "filter", "input", "function_id", "function_version",
	"function_alias", "retries", "retry_delay", "status"}

// create is POST /v1/triggers.
func (h *triggerHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	o, err := h.bodies.ReadObject(r, append([]string{"source"}, triggerFields...)...)
	if err != nil {
		return nil, err
	}
	t := faas.Trigger{
		ID: faas.NewID(), ProjectID: id.ProjectID, UserID: id.UserID, CreatedAt: h.now(), Generation: 1,
		Name: o.Line("name"), Description: o.Line("description"), Source: h.sources.field(o),
		Calls: fields.FunctionRef(r, id, o, h.store.FunctionID), Retries: defaultRetries, RetryDelay: defaultRetryDelay,
	}
	change := h.change(o, t)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	change.apply(&t)
	secret, err := h.sealSecret(&t, "")
	if err != nil {
		return nil, err
	}
	if t.Status == "" {
		t.Status = firstStatus(t.Source)
	}
	limits, err := h.quota.limits(r.Context(), id.ProjectID)
	if err != nil {
		return nil, err
	}
	made, err := h.record(r.Context(), id, t, limits)
	if err != nil {
		return nil, err
	}
	h.announce(r, made)
	h.audit(r, id, made, "a trigger was created")
	return answer.Created{Body: h.viewWith(r, id, made, secret)}, nil
}

// firstStatus returns the status of a new trigger: until its keeper was called it is pending.
func firstStatus(source faas.TriggerSource) faas.TriggerStatus {
	if source.Kept() {
		return faas.TriggerPending
	}
	return faas.TriggerActive
}

// record makes the trust that the trigger needs, and records the trigger with it.
func (h *triggerHandlers) record(
	ctx context.Context, id faas.Identity, t faas.Trigger, limits faas.Amounts,
) (faas.Trigger, error) {
	var err error
	if t.Source.Acts() {
		if t.TrustID, err = h.trusts.MakeForTrigger(ctx, id, t); err != nil {
			return t, err
		}
	}
	made, err := h.store.CreateTrigger(ctx, t, limits)
	if err != nil && t.TrustID != "" {
		h.trusts.Withdraw(ctx, t.TrustID, err)
	}
	return made, err
}

// announce has the owner of the trigger's shard look after it now, and engines that hear
// notifications for it read it.
func (h *triggerHandlers) announce(r *http.Request, t faas.Trigger) {
	var err error
	if t.Source.Heard() {
		err = h.engines.TriggerChanged(r.Context(), t.ID)
	}
	if t.Source.Kept() {
		err = errors.Join(err, h.engines.WorkAdded(r.Context(), t.ID, 0))
	}
	if err != nil {
		h.log.WarnContext(r.Context(), "a trigger that was changed could not be announced; it is looked after somewhat later",
			"trigger_id", t.ID, "error", err)
	}
}

func (h *triggerHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Trigger, triggerView]{
		Plural: "triggers", Rule: "trigger:get_all:all_projects", Read: h.store.Triggers, View: h.viewer(r, id),
		Texts: func(t faas.Trigger) int {
			return len(t.Name) + len(t.Description) + len(t.Settings) + len(t.Filter) + len(t.Template) + len(t.StatusReason) +
				len(t.Seen.LastError)
		},
	})
}

func (h *triggerHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return nil, err
	}
	t, err := readOne(r, h.policy, id, func(scope faas.Scope) (faas.Trigger, error) {
		return h.store.Trigger(r.Context(), scope, triggerID)
	})
	if err != nil {
		return nil, err
	}
	return h.viewer(r, id)(t), nil
}

// update is PUT /v1/triggers/{id}. Fields that are absent or null stay as they are.
func (h *triggerHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObject(r, triggerFields...)
	if err != nil {
		return nil, err
	}
	before, err := h.store.Trigger(r.Context(), faas.ProjectScope(id), triggerID)
	if err != nil {
		return nil, err
	}
	change := h.change(o, before)
	change.calls = calledChange(r, id, o, h.store.FunctionID)
	if err := o.Fault(); err != nil {
		return nil, err
	}
	after, secret, err := h.applied(r.Context(), id, before, change)
	if err != nil {
		return nil, err
	}
	h.announce(r, after)
	h.audit(r, id, after, "a trigger was changed")
	return h.viewWith(r, id, after, secret), nil
}

// applied changes a trigger. Whoever says what a trigger looks at can use all that its trust
// allows: so settings of another user's trigger are changed with a trust of the caller's own, and
// those that need another kind of trust with one of that kind. A token that is itself delegated may
// have fewer roles than the user who made the trust, and cannot make one.
func (h *triggerHandlers) applied(
	ctx context.Context, id faas.Identity, before faas.Trigger, change triggerChange,
) (faas.Trigger, faas.Secret, error) {
	var trust string
	var err error
	wanted := before
	setIf(&wanted.Settings, change.settings)
	another := before.UserID != id.UserID || id.Delegate || trusts.PassedOn(wanted) != trusts.PassedOn(before)
	if change.settings != nil && before.Source.Acts() && another {
		if trust, err = h.trusts.MakeForTrigger(ctx, id, wanted); err != nil {
			return faas.Trigger{}, "", err
		}
	}
	var shown faas.Secret // not read after an error: the store may still be running the closure
	after, err := h.store.UpdateTrigger(ctx, faas.ProjectScope(id), before.ID, func(t *faas.Trigger) error {
		if t.Status == faas.TriggerDeleting {
			return faas.Errorf(faas.Conflict, "Trigger %s is being deleted.", t.ID)
		}
		settings := t.Settings
		change.apply(t)
		if trust != "" {
			t.TrustID, t.UserID = trust, id.UserID
		}
		secret, err := h.sealSecret(t, settings)
		shown = secret
		return err
	})
	if err != nil {
		if trust != "" {
			h.trusts.Withdraw(ctx, trust, err)
		}
		return faas.Trigger{}, "", err
	}
	return after, shown, nil
}

// rotate is POST /v1/triggers/{id}/rotate: the trigger gets a new URL, and the one before is good
// no more.
func (h *triggerHandlers) rotate(r *http.Request, id faas.Identity) (any, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return nil, err
	}
	t, err := h.store.UpdateTrigger(r.Context(), faas.ProjectScope(id), triggerID, func(t *faas.Trigger) error {
		if !t.Source.Door() {
			return faas.Errorf(faas.Invalid, "Trigger %s has no URL: its source is %s.", t.ID, t.Source)
		}
		t.Generation++
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.announce(r, t)
	h.audit(r, id, t, "a trigger got another URL")
	return h.viewer(r, id)(t), nil
}

func (h *triggerHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	triggerID, err := request.PathIDOrName(r, id, h.store.TriggerID)
	if err != nil {
		return nil, err
	}
	t, err := h.store.DeleteTrigger(r.Context(), faas.ProjectScope(id), triggerID)
	if err != nil {
		return nil, err
	}
	h.announce(r, t)
	h.audit(r, id, t, "a trigger was deleted")
	return answer.NoContent{}, nil
}

// audit has the log say who changed a trigger, and never its secrets.
func (h *triggerHandlers) audit(r *http.Request, id faas.Identity, t faas.Trigger, what string) {
	h.log.Info(what, "request_id", request.Of(r).ID, "user_id", id.UserID, "project_id", t.ProjectID, "trigger_id", t.ID,
		"source", string(t.Source), "function_id", t.Calls.FunctionID, "function_alias", t.Calls.Alias)
}
