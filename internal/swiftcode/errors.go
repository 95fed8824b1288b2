package swiftcode

import (
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// retryAfter is what a caller is told to wait when Swift is away.
const retryAfter = 5 * time.Second

// maxQuoted is how many letters of a name are repeated in a message.
const maxQuoted = 100

// named returns an object as messages have it.
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

// explained says of Swift's answer what it means for the function.
func (s *Source) explained(c faas.Code, err error) error {
	switch {
	case errors.Is(err, swift.ErrNotFound):
		return faas.Errorf(faas.Invalid, "There is no %s, from which the function's code is taken.", named(c)).WithCause(err)
	case errors.Is(err, swift.ErrToken):
		return faas.Errorf(faas.Unauthenticated, "The %s, from which the function's code is taken, cannot be read: Swift says that the token is not valid. Get a new one from Keystone.", named(c)).
			WithCause(err)
	case errors.Is(err, swift.ErrForbidden):
		return faas.Errorf(faas.Invalid, "The %s, from which the function's code is taken, may not be read with the rights that the function or its caller has.", named(c)).
			WithCause(err)
	case errors.Is(err, swift.ErrName):
		return faas.Errorf(faas.Invalid, "There can be no %s: its name is not possible.", named(c)).WithCause(err)
	}
	return away(c, err)
}

// away says that the object may be had later.
func away(c faas.Code, err error) error {
	e := faas.Errorf(faas.Unavailable, "The %s, from which the function's code is taken, cannot be read now: Swift cannot be reached or has failed.", named(c)).
		WithCause(err)
	e.RetryAfter = retryAfter
	return e
}

func (s *Source) tooLarge(c faas.Code) error {
	return faas.Errorf(
		faas.Invalid, "The %s is larger than %d bytes, which is the most that a function's code may be.",
		named(c), s.cfg.MaxSize,
	)
}

// unfit says of an object that it is no package.
func unfit(c faas.Code, err error) error {
	var known *faas.Error
	if errors.As(err, &known) && known.Kind == faas.Invalid {
		return faas.Errorf(faas.Invalid, "The %s cannot be a function's code: %s", named(c), known.Message)
	}
	return err
}

// noRoom says that our own disk failed.
func noRoom(err error) error {
	return faas.Errorf(faas.Unavailable, "There is no room for the function's code now.").
		WithCause(fmt.Errorf("spool an object: %w", err))
}
