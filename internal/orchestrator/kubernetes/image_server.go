package kubernetes

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// servers starts workers that are containers of functions' own.
type servers struct {
	*cluster
	state    *state
	policies *policies
	removals *removals
	secrets  *functionSecrets
	makes    *imagePods
}

// StartServer implements orchestrator.Images.
func (s *servers) StartServer(ctx context.Context, workerID string, target faas.Target) error {
	if s.closed() {
		return errClosed()
	}
	owner, err := s.policies.owner(ctx)
	if err != nil {
		return refused("The owner of workers", err)
	}
	pod, err := s.cfg.serverPod(workerID, target, owner)
	if err != nil {
		return err
	}
	if err := s.secrets.keepSecrets(ctx, target, owner); err != nil {
		return err
	}
	made, _, err := s.makes.create(ctx, pod)
	if err != nil {
		return err
	}
	s.removals.seen(made)
	waiting, cancel := context.WithTimeout(ctx, s.cfg.Progress)
	defer cancel()
	if err := s.awaitServer(waiting, workerID, made.UID); err != nil {
		if ctx.Err() == nil && !s.closed() {
			s.removals.remove(workerID, made.UID, "it did not come up")
		}
		return err
	}
	return nil
}

// awaitServer waits until the worker takes calls, or it is certain that it never will.
func (s *servers) awaitServer(ctx context.Context, workerID string, uid types.UID) error {
	for {
		changed := s.state.changes()
		w, there := s.state.lastKnown(workerID, uid)
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
		case <-s.ctx.Done():
			return errClosed()
		case <-ctx.Done():
			return faas.Errorf(faas.Unavailable, "The function's server did not come up in time: %s", notYet(w.pod)).
				WithCause(ctx.Err())
		}
	}
}
