// Package imagerun runs the calls of functions whose container image runs once for each call.
package imagerun

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/tracing"
)

// Config is what a Runner needs. Every field but Images and Parallel is required.
type Config struct {
	Images   orchestrator.Images // nil: the orchestrator runs none
	Parallel int                 // containers that run at a time, of one project four fifths; 50 when 0
	Wait     time.Duration       // how long a call waits for its container
	Log      *slog.Logger
}

// Runner runs containers. It is safe for concurrent use.
type Runner struct {
	cfg        Config
	containers *fair.Limiter
	underway   *dispatch.Underway
	forgotten  chan string // ids of functions that were deleted
}

const (
	defaultParallel = 50
	// generosity: a project that is alone may have four of every five containers.
	generosity = 4
	// waitingPerProject bounds how many calls of one project may wait here for a container.
	waitingPerProject = 256
	// retryAfter is what a refused caller is told to wait.
	retryAfter = time.Second
)

// New returns a runner.
func New(cfg Config) *Runner {
	if cfg.Parallel == 0 {
		cfg.Parallel = defaultParallel
	}
	return &Runner{
		cfg: cfg, containers: fair.NewLimiter(cfg.Parallel, fair.Leaving(generosity), waitingPerProject),
		underway:  dispatch.NewUnderway(),
		forgotten: make(chan string, forgettable),
	}
}

// Available reports whether the orchestrator runs containers.
func (r *Runner) Available() bool { return r.cfg.Images != nil }

// forgettable bounds how many deleted functions may wait for Forget; the orchestrator finds by
// itself what is left of others, later.
const forgettable = 1024

// Forget has the orchestrator remove what it keeps to run the image of a function that was deleted.
// It does not wait for that.
func (r *Runner) Forget(functionID string) {
	select {
	case r.forgotten <- functionID:
	default:
	}
}

// ForgetAll does what Forget was told, until ctx ends.
func (r *Runner) ForgetAll(ctx context.Context) {
	for {
		select {
		case functionID := <-r.forgotten:
			if r.cfg.Images != nil {
				r.cfg.Images.ForgetFunction(ctx, functionID)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Run waits, by turns between projects, for one of the containers that may run at a time; kind Busy
// says that it got none in time. begin is called when it has; from then on the end of ctx no longer
// stops the call. That it is cancelled does, and the outcome says so; the error of one that was
// cancelled before has dispatch.ErrCancelled in its chain.
func (r *Runner) Run(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	if r.cfg.Images == nil {
		return faas.Outcome{}, fleet.ErrNoImages()
	}
	life, over := r.underway.Enter(ctx, call.ExecutionID, target.Key)
	defer over()
	leave, err := r.enter(ctx, life, target.ProjectID)
	switch {
	case dispatch.Cancelled(life) != nil:
		if err == nil {
			leave()
		}
		return faas.Outcome{}, dispatch.Cancelled(life)
	case errors.Is(err, fair.ErrTooManyWaiting):
		return faas.Outcome{}, busy("Too many calls of the project are waiting for a container, at most %d can; try again later.", waitingPerProject)
	case err != nil:
		return faas.Outcome{}, busy("The maximum number of containers is running and none ended in time; try again later.")
	}
	defer leave()
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	arguments, fault := argumentsOf(call.Input)
	if fault != "" {
		return faas.Outcome{Status: faas.ExecutionFailed, Output: faas.TextOutput(fault)}, nil
	}
	running, span := tracing.StartClient(life, "run the container")
	outcome, err := r.cfg.Images.RunImage(running, orchestrator.ImageCall{
		ExecutionID: call.ExecutionID, Target: target, Arguments: arguments, Timeout: call.Timeout,
		Trace: tracing.Carried(running),
	})
	span.End(err)
	outcome.Cold = true // each call has a container of its own
	if cancelled := dispatch.Cancelled(life); cancelled != nil && (err != nil || outcome.Status == faas.ExecutionCancelled) {
		ended := dispatch.CancelledOutcome(cancelled)
		ended.Log, ended.Duration = outcome.Log, outcome.Duration
		return ended, nil
	}
	return outcome, err
}

// enter waits for one of the containers that may run at a time.
func (r *Runner) enter(ctx, life context.Context, projectID string) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, r.cfg.Wait)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	return r.containers.Enter(waiting, projectID)
}

// Cancel ends the call of an execution that waits or runs here; nothing when there is none.
func (r *Runner) Cancel(executionID string) { r.underway.Cancel(executionID) }

// FunctionChanged ends the calls of a function, or of a version, that was deleted.
func (r *Runner) FunctionChanged(change faas.FunctionChanged) { r.underway.FunctionChanged(change) }

func busy(format string, args ...any) error {
	e := faas.Errorf(faas.Busy, format, args...)
	e.RetryAfter = retryAfter
	return e
}

// Serve runs a call whose record its caller keeps. What it knows not to have begun is an answer
// too; an error leaves that open.
func (r *Runner) Serve(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.RunImageRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request to run an image is malformed.").WithCause(err)
	}
	outcome, err := r.Run(ctx, req.Target, req.Call, func(context.Context) error { return nil })
	if errors.Is(err, dispatch.ErrCancelled) {
		outcome, err = dispatch.CancelledOutcome(err), nil
	}
	if err == nil {
		return faas.RunImageAnswer{Outcome: &outcome}, nil
	}
	log := r.cfg.Log.With("execution_id", req.Call.ExecutionID, "function_id", req.Target.Key.FunctionID, "error", err)
	var known *faas.Error
	if errors.As(err, &known) && known.Kind != faas.Internal {
		log.Info("a container was not run")
		return faas.RunImageAnswer{Refused: known.Kind, Message: known.Message, RetryAfter: known.RetryAfter}, nil
	}
	log.Error("a container was lost")
	return nil, err
}
