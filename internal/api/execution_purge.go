package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// purgeBounds is how much one request to purge executions does. A function may have millions of
// records: the request must end before load balancers give it up, and calls are recorded meanwhile.
type purgeBounds struct {
	step int           // records of one transaction, 1 at least; on SQLite calls wait for its end
	rows int           // records of one request; a multiple of step
	time time.Duration // no step begins later than this after the request
}

// defaultPurge lets a request take about as long as one step more than its time.
var defaultPurge = purgeBounds{step: 200, rows: 10_000, time: 10 * time.Second}

// purgeHandlers delete the records of a function's executions.
type purgeHandlers struct {
	store  *store.Store
	bounds purgeBounds // of one request
	log    *slog.Logger
	now    func() time.Time
}

// purgeView is what a purge has done.
type purgeView struct {
	Deleted int  `json:"deleted"` // executions whose records this request has deleted
	More    bool `json:"more"`    // the request has reached its bounds: the same again deletes further ones
}

// purge is DELETE /v1/executions?function_id=: it deletes the records of the function's
// executions that have ended, the oldest first. What waits or runs stays.
func (h *purgeHandlers) purge(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := purgedFunction(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	scope := faas.ProjectScope(id)
	missing, err := h.missingFunction(r.Context(), scope, functionID)
	if err != nil {
		return nil, err
	}
	done, err := h.inSteps(r.Context(), scope, functionID)
	if err != nil {
		return nil, err
	}
	if done.Deleted == 0 && missing != nil {
		return nil, missing
	}
	h.log.Info(
		"executions of a function were purged", "request_id", request.Of(r).ID, "user_id", id.UserID, "project_id",
		id.ProjectID, "function_id", functionID, "deleted", done.Deleted, "more", done.More,
	)
	return done, nil
}

// inSteps deletes in steps until there are no more, or the bounds of a request are reached. Each step
// is a transaction of its own; a caller that is gone ends the purge after the step under way.
func (h *purgeHandlers) inSteps(ctx context.Context, scope faas.Scope, functionID string) (done purgeView, err error) {
	until := h.now().Add(h.bounds.time)
	for done.Deleted < h.bounds.rows && !h.now().After(until) {
		n, err := h.store.PurgeExecutionsOf(ctx, scope, functionID, h.bounds.step)
		if err != nil {
			return done, err
		}
		done.Deleted += n
		// A step that is not full does not yet say that nothing is left: another request that
		// purges the same function may have taken rows of it. An empty step ends this one, for what
		// is left then is the other's to delete, or to say "more" of.
		if n == 0 {
			return done, nil
		}
	}
	done.More = true
	return done, nil
}

// purgedFunction returns the function that the request names. There is no other parameter: one that
// was passed over, such as a status, would have more deleted than was meant.
func purgedFunction(r *http.Request, id faas.Identity, find request.ByName) (string, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", faas.Errorf(faas.Invalid, "The query string is malformed.").WithCause(err)
	}
	for name, texts := range values {
		if name != "function_id" || len(texts) != 1 {
			return "", faas.Errorf(
				faas.Invalid, "The one parameter here is function_id, given once; %s is not possible.", request.Short(name))
		}
	}
	functionID := values.Get("function_id")
	if functionID == "" {
		return "", faas.Errorf(
			faas.Invalid,
			"function_id is required, as in ?function_id=<id>: executions are deleted of one function at a time.",
		)
	}
	return request.Resolve(r, id, "function_id", functionID, find)
}

// missingFunction returns what to answer when the scope has no such function and no records of it
// either; nil for one that is there. Records outlive their function, so that one which is gone can
// be purged. A function of another project is refused at once, without a search for records.
func (h *purgeHandlers) missingFunction(ctx context.Context, scope faas.Scope, id string) (missing, err error) {
	_, missing = h.store.Function(ctx, scope, id)
	if missing == nil || faas.KindOf(missing) != faas.NotFound {
		return nil, missing
	}
	switch _, err = h.store.Function(ctx, faas.AnyProject(), id); {
	case err == nil:
		return nil, missing
	case faas.KindOf(err) == faas.NotFound:
		return missing, nil
	}
	return nil, err
}
