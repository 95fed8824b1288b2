package keystone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// The kinds of this package's errors, for errors.Is.
var (
	ErrInvalidToken = errors.New("the token is not valid")                   // expired, revoked, or never existed
	ErrUnavailable  = errors.New("Keystone cannot be reached or has failed") //nolint:staticcheck // a name
	ErrForbidden    = errors.New("Keystone forbids it")                      //nolint:staticcheck // a name
	ErrNotFound     = errors.New("Keystone has no such object")              //nolint:staticcheck // a name
)

// errOurselves is the outage that the operator has to end: Keystone refuses the service's own
// credentials, or they lack a role.
var errOurselves = fmt.Errorf("%w: it refuses the service's own credentials", ErrUnavailable)

// Error is a response of Keystone with an error status. Its status decides which of the kinds above
// it is.
type Error struct {
	Op      string // what was asked for
	Status  int    // of HTTP
	Message string // Keystone's own, for requests whose answers cannot repeat a secret; else ""
}

// Error names the operation and its outcome.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: Keystone answered %d %s", e.Op, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Is reports whether the status belongs to one of the errors of this package.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnavailable:
		return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests ||
			e.Status < http.StatusBadRequest
	case ErrInvalidToken:
		return e.Status == http.StatusUnauthorized
	case ErrForbidden:
		return e.Status == http.StatusForbidden
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	}
	return false
}

// status returns the status of an answer that was no success, 0 for any other error.
func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// failure converts gophercloud's errors to this package's. They carry the whole response, which can
// repeat what was sent, secrets included. So only its message is taken, and only where quoted says
// that nothing secret was sent.
func failure(op string, err error, quoted bool) error {
	if err == nil {
		return nil
	}
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		e := &Error{Op: op, Status: code.Actual}
		if quoted {
			e.Message = message(code.Body)
		}
		return e
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
}

// maxMessage is how much of Keystone's own words is passed on, in bytes.
const maxMessage = 500

func message(body []byte) string {
	var answer struct {
		Error struct{ Message string }
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Error.Message) > maxMessage {
		return ""
	}
	return answer.Error.Message
}
