// Package followup does what follows an execution that has ended: a trigger's event is tried again
// or becomes a dead letter, and the outcome is taken to where the function wants it.
package followup

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Config is what a Follower needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Store  *store.Store
	Submit *submit.Submitter
	Cloud  trigger.Cloud    // to Zaqar, by functions' trusts; nil: nothing is sent to queues
	URLs   *outbound.Client // nil: nothing is sent to URLs
	Now    func() time.Time
	Log    *slog.Logger
}

// Follower does what follows. It is safe for concurrent use.
type Follower struct {
	cfg        Config
	clientID   string        // by which Zaqar knows this process
	turns      *fair.Limiter // whose outcomes are on their way
	results    *prometheus.CounterVec
	dropped    prometheus.Counter
	deliveries *prometheus.CounterVec
}

// New returns a follower.
func New(cfg Config) *Follower {
	return &Follower{
		cfg: cfg, clientID: faas.NewID(),
		turns: fair.NewLimiter(Deliveries, fair.AtMost(deliveriesOfProject), 0),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_follow_ups_total",
			Help: "Executions that something was to follow, by what did: retry, dead_letter, delivery (alone), refused " +
				"(a retry that a quota refuses; tried again) or none.",
		}, []string{"result"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "faas_dead_letters_dropped_total",
			Help: "Dead letters that went for newer ones, because their trigger had as many as it may.",
		}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_deliveries_total",
			Help: "Deliveries of outcomes by where to (function, queue or url) and what became of them: delivered, tried (and " +
				"to be tried again), refused (for good), given_up or too_deep (executions cause each other without end).",
		}, []string{"to", "result"}),
	}
}

// Register has the registry count what follows.
func (f *Follower) Register(registry prometheus.Registerer) {
	registry.MustRegister(f.results, f.dropped, f.deliveries)
}

const (
	// firstLook and lastLook bound the pause between two looks at an execution that has not ended.
	// Its end has it looked at at once: these looks find what that has missed.
	firstLook = time.Second
	lastLook  = store.FollowUpAfter
	// longestDelay bounds the pause before a retry.
	longestDelay = time.Hour
	// submitTimeout bounds the making of an execution.
	submitTimeout = 15 * time.Second
	// refusedFor is how long a retry that is due is tried to be made while a quota refuses it.
	refusedFor = time.Hour
)

// Follow does what follows an execution, when it has ended.
func (f *Follower) Follow(ctx context.Context, i store.DueItem) (duework.Next, error) {
	x, err := f.cfg.Store.Execution(ctx, faas.AnyProject(), i.Ref)
	switch {
	case faas.KindOf(err) == faas.NotFound: // somebody wants nothing of it any more
		return duework.Done(), nil
	case err != nil:
		return duework.Done(), err
	case !x.Status.Ended():
		return duework.Again(min(max(firstLook, i.Age/4), lastLook)), nil
	}
	if x.TriggerID != "" && (x.Status == faas.ExecutionFailed || x.Status == faas.ExecutionError) {
		return f.failed(ctx, i, x)
	}
	return f.tell(ctx, i, x)
}

// tell has the outcome of an execution delivered, if its function wants that, and does nothing
// else.
func (f *Follower) tell(ctx context.Context, i store.DueItem, x faas.Execution) (duework.Next, error) {
	deliver, err := f.delivery(ctx, x)
	if err != nil {
		return duework.Done(), err
	}
	if deliver == "" {
		f.results.WithLabelValues("none").Inc()
		return duework.Done(), nil
	}
	if _, err := f.cfg.Store.Follow(ctx, i, store.Following{Deliver: deliver}); err != nil {
		return duework.Done(), err
	}
	f.results.WithLabelValues("delivery").Inc()
	return duework.Recorded(), nil
}

// delivery returns the execution if its outcome is to be delivered; "" if not.
func (f *Follower) delivery(ctx context.Context, x faas.Execution) (string, error) {
	fn, err := f.cfg.Store.Function(ctx, faas.AnyProject(), x.FunctionID)
	if faas.KindOf(err) == faas.NotFound || err == nil && fn.DestinationOf(x.Status).None() {
		return "", nil
	}
	return x.ID, err
}

// failed tries the event of an execution that failed again, after a while, or keeps it as a dead
// letter.
func (f *Follower) failed(ctx context.Context, i store.DueItem, x faas.Execution) (duework.Next, error) {
	t, err := f.cfg.Store.Trigger(ctx, faas.AnyProject(), x.TriggerID)
	switch {
	case faas.KindOf(err) == faas.NotFound:
		return f.tell(ctx, i, x)
	case err != nil:
		return duework.Done(), err
	}
	e, ok, err := event.FromInput(x.Input)
	if err != nil || !ok {
		e = event.New() // what the trigger's executions do not have: it is no reason to forget this one
	}
	attempt := event.Attempt(e)
	switch {
	case attempt > t.Retries || !ok:
		return f.bury(ctx, i, x, e, whyOf(x))
	case !t.Wants():
		return f.bury(ctx, i, x, e, "It was not tried again because the trigger is "+string(t.Status)+": "+whyOf(x))
	}
	due := x.EndedAt.Add(retryDelay(t, attempt))
	if wait := due.Sub(f.cfg.Now()); wait > 0 {
		return duework.Again(wait), nil
	}
	err = f.retry(ctx, i, x, t, e)
	switch {
	case err == nil:
		f.results.WithLabelValues("retry").Inc()
		return duework.Recorded(), nil
	case errors.Is(err, store.ErrNotInHand):
		return duework.Recorded(), err
	}
	switch faas.KindOf(err) {
	case faas.Conflict: // the retry is there already
		return duework.Done(), nil
	case faas.NotFound, faas.Forbidden, faas.Invalid:
		return f.bury(ctx, i, x, e, "It could not be tried again: "+faas.Said(err))
	case faas.Busy, faas.OverQuota:
		if f.cfg.Now().Sub(due) > refusedFor {
			return f.bury(ctx, i, x, e, "It could not be tried again: "+faas.Said(err))
		}
		f.results.WithLabelValues("refused").Inc()
	default:
	}
	return duework.Done(), err
}

// retryDelay returns the pause after an attempt that failed.
func retryDelay(t faas.Trigger, attempt int) time.Duration {
	delay := time.Duration(t.RetryDelay) * time.Second
	for n := 1; n < attempt && delay < longestDelay; n++ {
		delay *= 2
	}
	return min(delay, longestDelay)
}

// retry has what the trigger calls now executed with the same input, but for the attempt. Its id
// follows from that of the execution that failed: there is one, whoever makes it.
func (f *Follower) retry(
	ctx context.Context, i store.DueItem, x faas.Execution, t faas.Trigger, e event.Event,
) error {
	called, err := f.cfg.Store.Resolve(ctx, faas.OneProject(x.ProjectID), t.Calls)
	if err != nil {
		return err
	}
	input, err := event.ReplaceIn(x.Input, event.WithAttempt(e, event.Attempt(e)+1))
	if err != nil {
		return err
	}
	// It is seen through when the engine ends meanwhile: a retry that is recorded and not announced
	// would wait until its message is taken for lost.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitTimeout)
	defer cancel()
	_, err = f.cfg.Submit.SubmitWith(ctx, faas.Execution{
		ID: faas.IDOf(x.ID+" retry", x.EndedAt), ProjectID: x.ProjectID, UserID: x.UserID, RequestID: x.RequestID,
		FunctionID: called.Function.ID, FunctionVersion: called.Version, FunctionAlias: t.Calls.Alias,
		Description: x.Description, Input: input, TriggerID: t.ID, FollowUp: true,
	}, func(ctx context.Context, x faas.Execution) error {
		_, err := f.cfg.Store.Follow(ctx, i, store.Following{Retry: &x})
		return err
	})
	return err
}

// bury keeps the event of an execution as a dead letter.
func (f *Follower) bury(
	ctx context.Context, i store.DueItem, x faas.Execution, e event.Event, why string,
) (duework.Next, error) {
	letter := faas.DeadLetter{
		ID: x.ID, TriggerID: x.TriggerID, ProjectID: x.ProjectID, EventID: e.ID(), EventSource: e.Source(),
		EventType: e.Type(),
		Why:       why, Attempts: event.Attempt(e), CreatedAt: f.cfg.Now(), Input: x.Input,
	}
	deliver, err := f.delivery(ctx, x)
	if err != nil {
		return duework.Done(), err
	}
	dropped, err := f.cfg.Store.Follow(ctx, i, store.Following{Letter: &letter, Deliver: deliver})
	if err != nil {
		return duework.Done(), err
	}
	f.results.WithLabelValues("dead_letter").Inc()
	f.dropped.Add(float64(dropped))
	f.cfg.Log.Info("an event is a dead letter: all its executions failed", "trigger_id", x.TriggerID, "execution_id", x.ID,
		"event_id", e.ID(), "attempts", letter.Attempts, "dropped", dropped)
	return duework.Recorded(), nil
}
