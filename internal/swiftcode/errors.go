package swiftcode

import (
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// retryAfter is the Retry-After of errors while Swift cannot be used.
const retryAfter = 5 * time.Second

// maxQuoted is how many letters of a name are repeated in a message.
const maxQuoted = 100

// named returns the name of an object for messages.
func named(c faas.Code) string {
	return fmt.Sprintf("object %q in the container %q of the project's Swift", cut(c.Object), cut(c.Container))
}

func cut(name string) string {
	letters := []rune(name)
	if len(letters) <= maxQuoted {
		return name
	}
	return string(letters[:maxQuoted]) + "…"
}

// explained returns the error of the function for an error of Swift.
func (s *Source) explained(c faas.Code, err error) error {
	switch {
	case errors.Is(err, swift.ErrNotFound):
		return faas.Errorf(faas.Invalid, "There is no %s, where the function's code should be.", named(c)).WithCause(err)
	case errors.Is(err, swift.ErrToken):
		return faas.Errorf(
			faas.Unauthenticated,
			"The function's code cannot be read from the %s: the token is not valid. Get a new one from Keystone.", named(c),
		).
			WithCause(err)
	case errors.Is(err, swift.ErrForbidden):
		return faas.Errorf(
			faas.Invalid,
			"The function's code cannot be read from the %s: the roles of the function, or of its caller, do not allow it.",
			named(c),
		).
			WithCause(err)
	case errors.Is(err, swift.ErrName):
		return faas.Errorf(
			faas.Invalid, "The function's code cannot be the %s: that is not a valid name in Swift.", named(c),
		).WithCause(err)
	}
	return away(c, err)
}

// away returns the error for an object that can be read later.
func away(c faas.Code, err error) error {
	e := faas.Errorf(
		faas.Unavailable,
		"The function's code cannot be read from the %s now: Swift cannot be reached or has failed. Try again later.",
		named(c),
	).
		WithCause(err)
	e.RetryAfter = retryAfter
	return e
}

func (s *Source) tooLarge(c faas.Code) error {
	return faas.Errorf(
		faas.Invalid, "The %s is larger than %d bytes, the maximum for a function's code.",
		named(c), s.cfg.MaxSize,
	)
}

// unfit returns the error for an object that is no valid package.
func unfit(c faas.Code, err error) error {
	var known *faas.Error
	if errors.As(err, &known) && known.Kind == faas.Invalid {
		return faas.Errorf(faas.Invalid, "The %s cannot be a function's code: %s", named(c), known.Message)
	}
	return err
}

// noRoom returns the error for a failure of the service's own disk.
func noRoom(err error) error {
	return faas.Errorf(faas.Unavailable, "The service has no disk space for the function's code now; try again later.").
		WithCause(fmt.Errorf("spool an object: %w", err))
}
