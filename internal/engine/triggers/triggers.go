// Package triggers has the keepers of triggers called: for each trigger by the owner of its shard,
// when it was changed and when its keeper wants to be called again.
package triggers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Config is what a Steward needs. Store, Keepers and Log are required.
type Config struct {
	Triggers *store.TriggerStore
	Keepers  map[faas.TriggerSource]trigger.Keeper // of the sources that this deployment has
	// ProjectGone reports whether a project was deleted; nil: nobody knows.
	ProjectGone func(ctx context.Context, projectID string) (bool, error)
	Log         *slog.Logger
}

// Steward has triggers kept and released. It is safe for concurrent use.
type Steward struct {
	cfg     Config
	results *prometheus.CounterVec
}

// New returns a steward.
func New(cfg Config) *Steward {
	return &Steward{cfg: cfg, results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_triggers_kept_total",
		Help: "Looks after triggers by their source and by what came of it: kept, failed (tried again), released or left " +
			"(its keeper could delete nothing in the project any more).",
	}, []string{"source", "result"})}
}

// Register has the registry count what becomes of triggers.
func (s *Steward) Register(registry prometheus.Registerer) { registry.MustRegister(s.results) }

// A trigger whose keeper failed is tried again, with a pause that doubles each time up to
// LastRetry. Timeout bounds one call of a keeper.
const (
	FirstRetry = 2 * time.Second
	LastRetry  = 2 * time.Minute
	Timeout    = time.Minute
	Parallel   = 64
)

// Keep has the trigger of the item kept, or released when it is being deleted.
func (s *Steward) Keep(ctx context.Context, i store.DueItem) (duework.Next, error) {
	t, err := s.cfg.Triggers.Trigger(ctx, faas.AnyProject(), i.Ref)
	switch {
	case faas.KindOf(err) == faas.NotFound:
		return duework.Done(), nil
	case err != nil:
		return duework.Done(), err
	case t.Status == faas.TriggerDeleting:
		return s.release(ctx, t)
	}
	keeper := s.cfg.Keepers[t.Source]
	if keeper == nil {
		return duework.Done(), s.note(ctx, t, t.State, errNoSource(t))
	}
	if w, wakeable := keeper.(trigger.Wakeable); wakeable && i.Woken {
		w.Wake(t.ID)
	}
	kept, err := keeper.Keep(ctx, t)
	if kept.State == "" {
		kept.State = t.State
	}
	if err != nil {
		s.count(t, "failed")
		s.deleteOfGone(ctx, t, err)
		return duework.Done(), errors.Join(err, s.note(context.WithoutCancel(ctx), t, kept.State, err))
	}
	s.count(t, "kept")
	if err := s.record(ctx, t, kept.State, faas.TriggerActive, kept.Note); err != nil {
		return duework.Done(), err
	}
	if kept.Again > 0 {
		return duework.Again(kept.Again), nil
	}
	return duework.Done(), nil
}

// deleteOfGone deletes the triggers of a project that is gone, which is found out when one of them
// may act there no more.
func (s *Steward) deleteOfGone(ctx context.Context, t faas.Trigger, err error) {
	if s.cfg.ProjectGone == nil || faas.KindOf(err) != faas.Forbidden {
		return
	}
	gone, err := s.cfg.ProjectGone(ctx, t.ProjectID)
	if err == nil && gone {
		_, err = s.cfg.Triggers.DeleteTriggersOf(ctx, t.ProjectID)
	}
	if err != nil {
		s.cfg.Log.Warn("the triggers of a project that may be gone are left for now", "project_id", t.ProjectID, "error", err)
	}
}

func errNoSource(t faas.Trigger) error {
	return faas.Errorf(faas.NotFound, "This deployment has no triggers of the source %s.", t.Source)
}

// note records how a trigger is now that its keeper was called, if that has changed.
func (s *Steward) note(ctx context.Context, t faas.Trigger, state string, failure error) error {
	status, reason := faas.TriggerActive, ""
	if failure != nil {
		status, reason = faas.TriggerError, s.reason(t, failure)
	}
	return s.record(ctx, t, state, status, reason)
}

// record writes how a trigger is, if that has changed: most looks find what the last one found.
func (s *Steward) record(
	ctx context.Context, t faas.Trigger, state string, status faas.TriggerStatus, reason string,
) error {
	if !t.Wants() {
		status = t.Status
	}
	if state == t.State && status == t.Status && reason == t.StatusReason {
		return nil
	}
	return s.cfg.Triggers.NoteTrigger(ctx, t.ID, state, status, reason)
}

// reason returns what the trigger's user is told of an error. What is not a *faas.Error is ours:
// the log has it.
func (s *Steward) reason(t faas.Trigger, err error) string {
	var told *faas.Error
	if errors.As(err, &told) && told.Kind != faas.Internal {
		return told.Message
	}
	s.cfg.Log.Warn("a trigger could not be kept; it is tried again", "trigger_id", t.ID, "project_id", t.ProjectID,
		"source", string(t.Source), "error", err)
	return "The service could not look after the trigger; it tries again."
}

// release has what the trigger has elsewhere deleted, and then forgets it.
func (s *Steward) release(ctx context.Context, t faas.Trigger) (duework.Next, error) {
	result := "released"
	if keeper := s.cfg.Keepers[t.Source]; keeper != nil {
		err := keeper.Release(ctx, t)
		switch {
		case err != nil && trigger.Gone(err):
			result = "left"
		case err != nil:
			s.count(t, "failed")
			return duework.Done(), errors.Join(err, s.note(context.WithoutCancel(ctx), t, t.State, err))
		}
	}
	if err := s.cfg.Triggers.ForgetTrigger(ctx, t.ID); err != nil {
		return duework.Done(), err
	}
	s.count(t, result)
	s.cfg.Log.Info("a trigger is gone", "trigger_id", t.ID, "project_id", t.ProjectID, "source", string(t.Source),
		"result", result)
	return duework.Recorded(), nil
}

func (s *Steward) count(t faas.Trigger, result string) {
	s.results.WithLabelValues(string(t.Source), result).Inc()
}
