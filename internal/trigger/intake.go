package trigger

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/tracing"
)

// Config is what an Intake needs. Store and Submit are required.
type Config struct {
	Store    *store.Store
	Submit   *submit.Submitter
	Request  func(context.Context) string // returns the id of the request that brings an event; nil: none does
	MaxInput int64                        // bytes of an execution's input; 1 MiB when 0
	Now      func() time.Time             // nil: time.Now
	Log      *slog.Logger                 // nil: slog.Default()
}

// Intake is the one way by which events become executions, whatever their source. It is safe for
// concurrent use.
type Intake struct {
	cfg       Config
	filters   *compiled[*event.Filter]
	templates *compiled[*event.Template]
	seen      *seen
	letters   *pace
	events    *prometheus.CounterVec
	dropped   prometheus.Counter
}

// defaultMaxInput is how many bytes an input may have unless the configuration says otherwise.
const defaultMaxInput = 1 << 20

// NewIntake returns an intake, to be closed.
func NewIntake(cfg Config) *Intake {
	if cfg.MaxInput == 0 {
		cfg.MaxInput = defaultMaxInput
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Intake{
		cfg:       cfg,
		filters:   newCompiled(event.ParseFilter),
		templates: newCompiled(event.ParseTemplate),
		seen:      newSeen(cfg.Store.TriggerStore, cfg.Log),
		letters:   newPace(),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "faas_refused_events_dropped_total",
			Help: "Dead letters that went for events which could be no execution, because their trigger had as many as it may.",
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_trigger_events_total",
			Help: "Events that came to triggers, by the trigger's source and by what became of them: queued, duplicate " +
				"(there is an execution of it), filtered, paused, refused (for good) or failed (to be brought again).",
		}, []string{"source", "outcome"}),
	}
}

// Register has the registry count events.
func (in *Intake) Register(registry prometheus.Registerer) {
	registry.MustRegister(in.events, in.dropped)
}

// Close writes what triggers have seen and was not written yet.
func (in *Intake) Close() { in.seen.close() }

// Take implements Taker.
func (in *Intake) Take(ctx context.Context, t faas.Trigger, e event.Event) (Taken, error) {
	ctx, span := tracing.Start(ctx, "take an event")
	span.Set("faas.trigger_id", t.ID)
	span.Set("cloudevents.event_id", e.ID())
	span.Set("cloudevents.event_type", e.Type())
	taken, err := in.take(ctx, t, e)
	span.Set("faas.outcome", string(taken.Outcome))
	span.End(err)
	outcome := string(taken.Outcome)
	if err != nil {
		outcome = "failed"
	}
	in.events.WithLabelValues(string(t.Source), outcome).Inc()
	in.note(t, e, taken, err)
	return taken, err
}

func (in *Intake) take(ctx context.Context, t faas.Trigger, e event.Event) (Taken, error) {
	if !t.Wants() {
		return Taken{Outcome: Paused}, nil
	}
	wanted, err := in.wanted(t, e)
	if err != nil { // nobody knows whether it was wanted
		return Taken{Outcome: Refused, Why: err}, nil //nolint:nilerr // it is settled, and its user is told why
	}
	if !wanted {
		return Taken{Outcome: Filtered}, nil
	}
	input, err := in.Input(t, e)
	if err != nil {
		return in.bury(ctx, t, e, err)
	}
	called, err := in.cfg.Store.Resolve(ctx, faas.OneProject(t.ProjectID), t.Calls)
	if faas.KindOf(err) == faas.NotFound {
		gone := faas.Errorf(faas.NotFound, "What the trigger calls is not there any more.").WithCause(err)
		return in.bury(ctx, t, e, gone)
	}
	if err != nil {
		return Taken{}, err
	}
	return in.submit(ctx, t, e, called, input)
}

func (in *Intake) wanted(t faas.Trigger, e event.Event) (bool, error) {
	if t.Filter == "" {
		return true, nil
	}
	filter, err := in.filters.of(t.Filter)
	if err != nil {
		return false, err
	}
	return filter.Match(e)
}

// Input returns the input of an execution by the trigger: the event, and what the template makes of
// it. An error says why there can be none as long as the trigger is as it is.
func (in *Intake) Input(t faas.Trigger, e event.Event) (string, error) {
	if depth := event.Depth(e); depth > faas.MaxEventDepth {
		return "", faas.Errorf(faas.Invalid, "The event comes of %d executions in a row, each caused by the one before; "+
			"at most %d may.", depth, faas.MaxEventDepth)
	}
	var members json.RawMessage
	if t.Template != "" {
		template, err := in.templates.of(t.Template)
		if err != nil {
			return "", err
		}
		if members, err = template.Members(e); err != nil {
			return "", err
		}
	}
	input, err := event.Input(event.WithAttempt(e, 1), members)
	if err == nil && int64(len(input)) > in.cfg.MaxInput {
		err = faas.Errorf(faas.TooLarge, "The event is too large: the input must be at most %d bytes; it has %d.",
			in.cfg.MaxInput, len(input))
	}
	return input, err
}

func (in *Intake) submit(
	ctx context.Context, t faas.Trigger, e event.Event, called faas.Callable, input string,
) (Taken, error) {
	x := faas.Execution{
		ID: faas.IDOfEvent(t.ID, e.Source(), e.ID(), 1), ProjectID: t.ProjectID, UserID: t.UserID,
		FunctionID: called.Function.ID, FunctionVersion: called.Version, FunctionAlias: t.Calls.Alias,
		RequestID: in.requestID(ctx), Input: input, Description: "Created by Trigger " + t.ID,
		TriggerID: t.ID, FollowUp: true,
	}
	x, err := in.cfg.Submit.Submit(ctx, x)
	switch faas.KindOf(err) {
	case faas.Conflict:
		return Taken{Outcome: Duplicate, ExecutionID: x.ID}, nil
	case faas.TooLarge, faas.Invalid:
		return in.bury(ctx, t, e, err)
	default:
	}
	if err != nil {
		return Taken{}, err
	}
	return Taken{Outcome: Queued, ExecutionID: x.ID}, nil
}

func (in *Intake) requestID(ctx context.Context) string {
	if in.cfg.Request == nil {
		return ""
	}
	return in.cfg.Request(ctx)
}

// note remembers what became of an event, for the trigger's user.
func (in *Intake) note(t faas.Trigger, e event.Event, taken Taken, err error) {
	now := in.cfg.Now()
	n := faas.TriggerSeen{LastEventAt: now, LastEventID: e.ID()}
	switch taken.Outcome {
	case Queued:
		n.Delivered = 1
	case Duplicate:
		n.Duplicates = 1
	case Filtered:
		n.Filtered = 1
	case Paused:
		return
	case Refused:
		if taken.Buried { // counted with its letter
			break
		}
		n.Failed, err = 1, taken.Why
	}
	if err != nil {
		n.LastError, n.LastErrorAt = faas.Said(err), now
	}
	in.seen.add(t.ID, n)
}

// Flush writes what triggers have seen until now.
func (in *Intake) Flush() { in.seen.write() }
