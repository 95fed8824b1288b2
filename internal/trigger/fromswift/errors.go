package fromswift

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// explained returns what an error of Swift is for a trigger's user.
func explained(s Settings, err error) error {
	if err == nil {
		return nil
	}
	name := cut(s.Container)
	var e *faas.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, swift.ErrNotFound):
		e = faas.Errorf(
			faas.NotFound,
			"There is no container %q in the project's Swift. Create it, or name another in the trigger's settings.", name,
		)
	case errors.Is(err, swift.ErrForbidden):
		e = faas.Errorf(
			faas.Forbidden,
			"The trigger may not read the container %q: the roles of the user who made it do not allow it any more.", name,
		)
	case errors.Is(err, swift.ErrToken):
		e = away("Swift does not take the trigger's token now; another is got.")
	case errors.Is(err, swift.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = away("Swift can not be reached, or has failed; the container is looked at again soon.")
	default:
		e = faas.Errorf(faas.Invalid, "Swift refuses to list the container %q.", name)
	}
	return e.WithCause(err)
}

func away(message string) *faas.Error {
	e := faas.Errorf(faas.Unavailable, "%s", message)
	e.RetryAfter = retryAfter
	return e
}

// retryAfter is when what failed is tried again if nobody says when.
const retryAfter = 5 * time.Second

// waits reports whether an error of a Taker is one that passes, and after what time to try again.
func waits(err error) (time.Duration, bool) {
	switch faas.KindOf(err) {
	case faas.Busy, faas.OverQuota, faas.Unavailable:
	default:
		return 0, false
	}
	var e *faas.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return min(e.RetryAfter, MaxInterval*time.Second), true
	}
	return retryAfter, true
}
