package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// StartServer implements orchestrator.Images.
func (o *Orchestrator) StartServer(ctx context.Context, workerID string, target faas.Target) error {
	if o.closed() {
		return errClosed()
	}
	owner, err := o.ownerReference(ctx)
	if err != nil {
		return refused("The owner of workers", err)
	}
	pod, err := o.cfg.serverPod(workerID, target, owner)
	if err != nil {
		return err
	}
	if err := o.keepSecrets(ctx, target, owner); err != nil {
		return err
	}
	made, _, err := o.create(ctx, pod)
	if err != nil {
		return err
	}
	o.podChanged(made)
	waiting, cancel := context.WithTimeout(ctx, o.cfg.Progress)
	defer cancel()
	if err := o.awaitServer(waiting, workerID, made.UID); err != nil {
		if ctx.Err() == nil && !o.closed() {
			o.remove(workerID, made.UID, "it did not come up")
		}
		return err
	}
	return nil
}

// awaitServer waits until the worker takes calls, or it is certain that it never will.
func (o *Orchestrator) awaitServer(ctx context.Context, workerID string, uid types.UID) error {
	for {
		changed := o.changes()
		w, there := o.lastKnown(workerID, uid)
		switch {
		case !there:
			return faas.Errorf(faas.Unavailable, "The function's server was deleted from Kubernetes before it came up.")
		case w.health == ready && !w.gone:
			return nil
		case w.health == lost:
			return faas.Errorf(faas.Invalid, "The function's server did not come up: %s", ending(w.pod))
		case w.gone:
			return faas.Errorf(faas.Unavailable, "The function's server was ended before it came up.")
		}
		if reason, _ := stuck(w.pod); reason != "" { // no second try: callers wait
			return faas.Errorf(faas.Invalid, "The function's image cannot be run: %s", reason)
		}
		select {
		case <-changed:
		case <-o.ctx.Done():
			return errClosed()
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "The function's server did not come up in time: %s", notYet(w.pod)).
				WithCause(ctx.Err())
		}
	}
}

// lastKnown returns the last known state of a worker, gone or not.
func (s *state) lastKnown(workerID string, uid types.UID) (worker, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[workerID]
	if w == nil || w.pod.UID != uid {
		return worker{}, false
	}
	return *w, true
}
