package engine

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// defaultImagePods is Limits.ImagePods when that is 0.
const defaultImagePods = 50

// imagesPerProject bounds how many calls of one project may wait here for a container.
const imagesPerProject = 256

// call runs a call where its target's code runs: in a container of its own, or on a worker.
func (e *Engine) call(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	return dispatch.ByProtocol(e.dispatch.Call, e.runImage)(ctx, target, call, begin)
}

// runImage waits, by turns between projects, for one of the containers that this engine may run at a time; kind Busy says that it got none
// in time. begin is called when it has; from then on the end of ctx no longer stops the call.
func (e *Engine) runImage(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
	if e.images == nil {
		return faas.Outcome{}, errNoImages()
	}
	if e.containers.crowded(target.ProjectID, imagesPerProject) {
		return faas.Outcome{}, busy("The project has too many calls waiting for a container (%d at most).", imagesPerProject)
	}
	waiting, cancel := context.WithTimeout(ctx, e.cfg.Limits.Wait)
	leave, err := e.containers.enter(waiting, target.ProjectID)
	cancel()
	if err != nil {
		return faas.Outcome{}, busy("As many containers run as may, and none ended in time.")
	}
	defer leave()
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	arguments, fault := argumentsOf(call.Input)
	if fault != "" {
		return faas.Outcome{Status: faas.ExecutionFailed, Output: faas.TextOutput(fault)}, nil
	}
	return e.images.RunImage(context.WithoutCancel(ctx), orchestrator.ImageCall{
		ExecutionID: call.ExecutionID, Target: target, Arguments: arguments, Timeout: call.Timeout,
	})
}

func errNoImages() error {
	return faas.Errorf(faas.Invalid, "This deployment does not run container images.")
}

// serveRunImage runs a call whose record its caller keeps. What it knows not to have begun is an answer too; an error leaves that open.
func (e *Engine) serveRunImage(ctx context.Context, request json.RawMessage) (any, error) {
	var req faas.RunImageRequest
	if err := json.Unmarshal(request, &req); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The request to run an image is malformed.").WithCause(err)
	}
	outcome, err := e.runImage(ctx, req.Target, req.Call, func(context.Context) error { return nil })
	if err == nil {
		return faas.RunImageAnswer{Outcome: &outcome}, nil
	}
	var known *faas.Error
	if errors.As(err, &known) && known.Kind != faas.Internal {
		e.log.Info("a container was not run", "execution_id", req.Call.ExecutionID, "function_id", req.Target.Key.FunctionID, "error", err)
		return faas.RunImageAnswer{Refused: known.Kind, Message: known.Message, RetryAfter: known.RetryAfter}, nil
	}
	e.log.Error("a container was lost", "execution_id", req.Call.ExecutionID, "function_id", req.Target.Key.FunctionID, "error", err)
	return nil, err
}

// crowded tells whether that many of a project wait.
func (g *gate) crowded(project string, most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting[project]) >= most
}
