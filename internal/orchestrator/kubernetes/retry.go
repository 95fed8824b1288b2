package kubernetes

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
	// attemptTimeout bounds one request, so that one which was lost on its way does not use up the patience for all.
	attemptTimeout = 10 * time.Second
)

// insist does what is asked of the API server again, with growing pauses, while the server does not answer or says that it cannot
// now; ctx bounds it. What the server refuses it will refuse again: that is returned at once.
func insist(ctx context.Context, attempt func(ctx context.Context) error) error {
	return repeat(ctx, func(ctx context.Context) error { return try(ctx, attempt) })
}

// repeat is insist for an attempt that sees to its own time.
func repeat(ctx context.Context, attempt func(ctx context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := attempt(ctx)
		if err == nil || ctx.Err() == nil && !passing(err) {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

func try(ctx context.Context, attempt func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return attempt(ctx)
}

// passing tells whether the error may be gone soon. What is no answer of the API server's is one of the way to it.
func passing(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return true
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}

// outdated makes a conflict one that is tried again, for attempts that begin with looking: somebody else was quicker to write.
func outdated(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return conflictError{err}
	}
	return err
}

// conflictError hides that the API server has answered.
type conflictError struct{ error }

// refused puts an error of the API server's into words for the runtime's owner.
func refused(what string, err error) error {
	var answer apierrors.APIStatus
	var ours *faas.Error
	switch {
	case errors.As(err, &ours): // the orchestrator was closed meanwhile
		return ours
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errOverdue):
		return faas.Errorf(faas.Unavailable, "%s: Kubernetes did not do it in time.", what).WithCause(err)
	case errors.As(err, &answer) && apierrors.IsInvalid(err):
		return faas.Errorf(faas.Invalid, "%s: %s", what, clip(answer.Status().Message, maxReason)).WithCause(err)
	case errors.As(err, &answer):
		return faas.Errorf(faas.Unavailable, "%s: %s", what, clip(answer.Status().Message, maxReason)).WithCause(err)
	default:
		return faas.Errorf(faas.Unavailable, "%s: Kubernetes cannot be reached.", what).WithCause(err)
	}
}
