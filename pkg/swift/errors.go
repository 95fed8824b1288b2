package swift

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// The kinds of an Error, for errors.Is. Any other error is Swift's refusal of the request itself.
var (
	ErrNotFound    = errors.New("there is no such object or container")
	ErrToken       = errors.New("the token is not valid")                // expired, revoked, or never existed
	ErrForbidden   = errors.New("access is refused")                     // the token's roles do not allow it
	ErrUnavailable = errors.New("Swift cannot be reached or has failed") //nolint:staticcheck // a name
	ErrChecksum    = errors.New("the bytes that arrived are not those that were sent")
	ErrName        = errors.New("the name is not valid in Swift")
)

// Error is a failed request to Swift. It contains no token.
type Error struct {
	Op        string // as in GET
	Container string
	Object    string // "" for the container itself
	Status    int    // 0: there was no answer
	Err       error
}

// Error names the object and the reason.
func (e *Error) Error() string {
	what := e.Container
	if e.Object != "" {
		what += "/" + e.Object
	}
	if e.Status != 0 {
		return fmt.Sprintf("swift: %s %q: status %d: %v", e.Op, what, e.Status, e.Err)
	}
	return fmt.Sprintf("swift: %s %q: %v", e.Op, what, e.Err)
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// of returns e with err as what went wrong; nil for nil.
func (e Error) of(err error) error {
	if err == nil {
		return nil
	}
	var answered gophercloud.ErrUnexpectedResponseCode
	switch {
	case errors.As(err, &answered):
		e.Status, e.Err = answered.Actual, reason(answered.Actual)
	case errors.Is(err, context.Canceled):
		e.Err = err
	default: // no answer
		e.Err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return &e
}

func reason(status int) error {
	switch {
	case status == http.StatusNotFound || status == http.StatusGone:
		return ErrNotFound
	case status == http.StatusUnauthorized:
		return ErrToken
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusUnprocessableEntity:
		return ErrChecksum
	// 498: Swift's own rate limit
	case status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status == 498:
		return ErrUnavailable
	}
	return errors.New(http.StatusText(status))
}
