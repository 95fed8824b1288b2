// Package jobs has the functions of jobs executed when it is time.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/cron"
	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
)

// Config is what a Firer needs. Every field is required.
type Config struct {
	Jobs      *store.JobStore
	Functions *store.FunctionStore
	Submit    *submit.Submitter
	Now       func() time.Time
	Log       *slog.Logger
}

// Firer makes the executions of jobs. It is safe for concurrent use.
type Firer struct {
	cfg     Config
	results *prometheus.CounterVec
}

// New returns a firer.
func New(cfg Config) *Firer {
	return &Firer{cfg: cfg, results: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_jobs_total",
		Help: "Executions of jobs that were due by what became of them: executed, refused (over a quota; tried again) " +
			"or skipped (refused until the next was due, or too often).",
	}, []string{"result"})}
}

// Register has the registry count what jobs do.
func (f *Firer) Register(registry prometheus.Registerer) { registry.MustRegister(f.results) }

// An execution that a quota refuses is tried again, with a pause that doubles each time, for as
// often as Attempts, which is for ten minutes, and not beyond the job's next time. Then it is
// skipped.
const (
	Attempts   = 8
	FirstRetry = 5 * time.Second
)

// punctual is how late an execution may be for the job to go on with the time that follows it,
// although that may have passed as well: no time is lost when a shard goes to another engine. After
// a longer outage all that have passed are one execution.
const punctual = 30 * time.Second

// tries is how often a job is read again that its user has changed meanwhile.
const tries = 3

// Fire makes the execution of a job that is due. However many of a job's times have passed, because
// nobody was there for longer than a moment, it is one.
func (f *Firer) Fire(ctx context.Context, i store.DueItem) (next duework.Next, err error) {
	for range tries {
		next, err = f.fire(ctx, i)
		if !errors.Is(err, store.ErrJobChanged) {
			break
		}
	}
	return next, err
}

func (f *Firer) fire(ctx context.Context, i store.DueItem) (duework.Next, error) {
	j, err := f.cfg.Jobs.Job(ctx, faas.AnyProject(), i.Ref)
	switch {
	case faas.KindOf(err) == faas.NotFound:
		return duework.Done(), nil
	case err != nil:
		return duework.Done(), err
	case j.Status != faas.JobRunning:
		return duework.Done(), nil
	}
	now := f.cfg.Now()
	// The time is by this process's clock, the item by the database's.
	if early := j.NextAt.Sub(now); early > 0 {
		return duework.Again(early), nil
	}
	following, err := following(j, now)
	if err != nil {
		return duework.Done(), err
	}
	err = f.execute(ctx, i, j, following)
	if !refused(err) {
		return duework.Recorded(), err
	}
	return f.refused(ctx, i, j, following, err)
}

// retried reports whether a refused execution is tried again before the next is due.
func retried(attempts int, now, following time.Time) bool {
	again := now.Add(FirstRetry << (attempts - 1))
	return attempts < Attempts && (following.IsZero() || again.Before(following))
}

// following returns the time of the job after the one that is due; zero for none.
func following(j faas.Job, now time.Time) (time.Time, error) {
	if j.Pattern == "" {
		return time.Time{}, nil
	}
	schedule, err := cron.Parse(j.Pattern, j.TimeZone)
	if err != nil {
		return time.Time{}, faas.Errorf(faas.Internal, "The pattern of job %s can not be read: %s.", j.ID, err)
	}
	if now.Sub(j.NextAt) <= punctual {
		return schedule.Next(j.NextAt), nil
	}
	return schedule.Next(now), nil
}

func (f *Firer) execute(ctx context.Context, i store.DueItem, j faas.Job, following time.Time) error {
	called, err := f.cfg.Functions.Resolve(ctx, faas.OneProject(j.ProjectID), j.Calls)
	if err != nil {
		return err
	}
	_, err = f.cfg.Submit.SubmitWith(ctx, j.Execution(called), func(ctx context.Context, x faas.Execution) error {
		return f.cfg.Jobs.FireJob(ctx, i, j, j.Executed(following), &x)
	})
	if err == nil {
		f.results.WithLabelValues("executed").Inc()
	}
	return err
}

// refused reports whether an error is the user's to see to, and not the service's.
func refused(err error) bool {
	switch faas.KindOf(err) {
	case faas.Busy, faas.OverQuota, faas.NotFound, faas.Forbidden, faas.Invalid:
		return true
	default:
		return false
	}
}

// refused records for the user why there was no execution, and skips it when it is not to be tried
// again.
func (f *Firer) refused(
	ctx context.Context, i store.DueItem, j faas.Job, following time.Time, why error,
) (duework.Next, error) {
	if retried(i.Attempts, f.cfg.Now(), following) {
		f.results.WithLabelValues("refused").Inc()
		return duework.Done(), errors.Join(why, f.cfg.Jobs.NoteJob(ctx, j.ID, why.Error()))
	}
	skipped := fmt.Sprintf("The execution of %s was skipped: %s", j.NextAt.UTC().Format(time.RFC3339), why)
	if err := f.cfg.Jobs.FireJob(ctx, i, j, j.Skipped(following, skipped), nil); err != nil {
		return duework.Done(), err
	}
	f.results.WithLabelValues("skipped").Inc()
	f.cfg.Log.Debug("an execution of a job is skipped", "job_id", j.ID, "error", why)
	return duework.Recorded(), nil
}
