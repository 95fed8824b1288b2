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
	// attemptTimeout bounds one request, so that a lost one does not use up the time for all
	// attempts.
	attemptTimeout = 10 * time.Second
)

// retry repeats a request to the API server, with growing pauses, until it succeeds, the server
// refuses it, or ctx ends. Only transient errors are retried.
func retry(ctx context.Context, attempt func(ctx context.Context) error) error {
	return retryLong(ctx, func(ctx context.Context) error { return try(ctx, attempt) })
}

// retryLong is retry for an attempt that bounds its own time.
func retryLong(ctx context.Context, attempt func(ctx context.Context) error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := attempt(ctx)
		if err == nil || ctx.Err() == nil && !transient(err) {
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

// transient reports whether the same request may succeed soon. An error that is no answer of the
// API server is one of the connection to it, and so transient.
func transient(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return true
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}

// retryConflict makes a conflict a transient error, for attempts that read before they write:
// somebody else has written in between.
func retryConflict(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return conflictError{err}
	}
	return err
}

// conflictError hides that the API server has answered, which makes it transient.
type conflictError struct{ error }

// refused turns an error of the API server into one for the runtime's owner.
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
