// Package submit is the one way by which asynchronous executions enter the service, whoever asks
// for them: it counts the execution against its project's quotas, records it, and wakes an engine
// to run it.
package submit

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/tracing"
)

// wakeTimeout bounds how long it may take to wake an engine.
const wakeTimeout = 5 * time.Second

// Config is what a Submitter needs. Store and Broker are required.
type Config struct {
	Executions *store.ExecutionLifecycle
	Broker     broker.Broker
	Calls      *quota.Calls     // counts what projects ask for; nil: nobody does
	Log        *slog.Logger     // nil: slog.Default()
	Now        func() time.Time // nil: time.Now
}

// Submitter takes asynchronous executions in. It is safe for concurrent use.
type Submitter struct {
	cfg     Config
	results *prometheus.CounterVec
}

// New returns a submitter.
func New(cfg Config) *Submitter {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Submitter{cfg: cfg, results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_executions_submitted_total",
		Help: "Asynchronous executions by what became of them here: queued, unannounced (queued, but no engine could be woken), " +
			"refused (over a quota) or failed.",
	}, []string{"result"})}
}

// Register has the registry count what is submitted.
func (s *Submitter) Register(registry prometheus.Registerer) { registry.MustRegister(s.results) }

// Submit records that the function is to be executed, and returns the record: queued, with an id
// unless x has one. x says whose execution it is (ProjectID, UserID, RequestID), of what
// (FunctionID, FunctionVersion, FunctionAlias) and with what (Input, Description); the caller has
// made sure that the function exists and that it may be executed.
//
// An error says that the execution is not recorded, or, where the database was lost during the
// commit, that nobody knows. Its kind is faas.Busy when the project asks for more executions than
// it may, with the time after which to try again. The record is what counts: when no engine can be
// woken there is no error, for engines look for queued executions from time to time.
func (s *Submitter) Submit(ctx context.Context, x faas.Execution) (faas.Execution, error) {
	return s.SubmitWith(ctx, x, func(ctx context.Context, x faas.Execution) error { return s.cfg.Executions.Enqueue(ctx, x) })
}

// SubmitWith is Submit for an execution that is recorded together with something else, in one
// transaction: record does that, as Store.Enqueue would.
func (s *Submitter) SubmitWith(
	ctx context.Context, x faas.Execution, record func(context.Context, faas.Execution) error,
) (_ faas.Execution, err error) {
	ctx, span := tracing.StartProducer(ctx, "queue an execution")
	defer func() { span.End(err) }()
	if s.cfg.Calls != nil {
		if err := s.cfg.Calls.Ask(ctx, x.ProjectID); err != nil {
			return x, s.count(err)
		}
	}
	if x.ID == "" {
		x.ID = faas.NewID()
	}
	span.Set("faas.execution_id", x.ID)
	x.Sync, x.Status, x.CreatedAt = false, faas.ExecutionQueued, s.cfg.Now()
	if err := record(ctx, x); err != nil {
		return x, s.count(err)
	}
	// The record is committed, so that whoever asked may leave now: the wake-up call is made all
	// the same.
	s.wake(context.WithoutCancel(ctx), x)
	return x, nil
}

// wake sends the message that has an engine run the execution. Where none can be sent, the owner of
// its shard finds it in the database: as soon as there is one, which needs RabbitMQ too.
func (s *Submitter) wake(ctx context.Context, x faas.Execution) {
	waking, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	err := s.cfg.Broker.Enqueue(waking, faas.ExecutionsQueue(x.ProjectID), []byte(x.ID))
	if err == nil {
		s.results.WithLabelValues("queued").Inc()
		return
	}
	s.results.WithLabelValues("unannounced").Inc()
	s.cfg.Log.Warn("no message could be sent for a queued execution; an engine finds the execution in the database later",
		"execution_id", x.ID, "request_id", x.RequestID, "error", err)
	marking, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	if err := s.cfg.Executions.MessageLost(marking, x.ID); err != nil {
		s.cfg.Log.Warn("that it is to be found at once cannot be recorded; it is found a minute after it was queued",
			"execution_id", x.ID, "error", err)
	}
}

// count counts an execution that is not recorded.
func (s *Submitter) count(err error) error {
	result := "failed"
	switch faas.KindOf(err) {
	case faas.Busy, faas.OverQuota:
		result = "refused"
	default:
	}
	s.results.WithLabelValues(result).Inc()
	return err
}
