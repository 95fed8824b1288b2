package magnum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2"
)

// The kinds of an Error, for errors.Is.
var (
	ErrNotFound    = errors.New("there is no such cluster or node group in the project")
	ErrAmbiguous   = errors.New("several clusters have this name: the UUID tells them apart")
	ErrForbidden   = errors.New("access is refused")                      // by the token's roles
	ErrToken       = errors.New("the token is not valid")                 // twice
	ErrRefused     = errors.New("Magnum refuses the request")             //nolint:staticcheck // a name
	ErrUnavailable = errors.New("Magnum cannot be reached or has failed") //nolint:staticcheck // a name
)

// Error is a failed request to Magnum. It contains no token.
type Error struct {
	Op      string // what was asked for
	Cluster string // as it was named
	Status  int    // of HTTP; 0: there was no answer
	Message string // Magnum's own; "" for none
	Err     error
}

// Error names the cluster and the reason.
func (e *Error) Error() string {
	text := fmt.Sprintf("magnum: %s %q: %v", e.Op, e.Cluster, e.Err)
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// failure converts gophercloud's errors, which carry the request's headers, to this package's.
func failure(op, cluster string, err error) error {
	if err == nil {
		return nil
	}
	var answered gophercloud.ErrUnexpectedResponseCode
	switch {
	case errors.As(err, &answered):
		return &Error{
			Op: op, Cluster: cluster, Status: answered.Actual, Message: message(answered.Body), Err: kind(answered.Actual),
		}
	case errors.Is(err, context.Canceled):
		return &Error{Op: op, Cluster: cluster, Err: err}
	}
	return &Error{Op: op, Cluster: cluster, Err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
}

func kind(status int) error {
	switch {
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusConflict:
		return ErrAmbiguous
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusUnauthorized:
		return ErrToken
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return ErrUnavailable
	}
	return ErrRefused
}

// maxMessage is how much of Magnum's own words is passed on, in bytes.
const maxMessage = 500

func message(body []byte) string {
	var answer struct {
		Errors []struct{ Detail string }
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Errors) == 0 || len(answer.Errors[0].Detail) > maxMessage {
		return ""
	}
	return answer.Errors[0].Detail
}
