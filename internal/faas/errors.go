package faas

import (
	"errors"
	"fmt"
	"time"
)

// Kind classifies an Error. The API maps each kind to one HTTP status, in one table.
type Kind string

// The kinds, and the status that each becomes.
const (
	Invalid          Kind = "invalid"                  // 400: the input is wrong, the message says how
	Unauthenticated  Kind = "unauthenticated"          // 401
	Forbidden        Kind = "forbidden"                // 403: policy refused
	OverQuota        Kind = "over_quota"               // 403: the message names resource, limit and use
	NotFound         Kind = "not_found"                // 404: or another project's
	MethodNotAllowed Kind = "method_not_allowed"       // 405
	NoSuchVersion    Kind = "microversion_unsupported" // 406: the API has no such microversion
	Conflict         Kind = "conflict"                 // 409: the state of the thing forbids it
	// 409: the function is of a newer revision than the one that was asked for; whoever asks again
	// gets that
	Outdated         Kind = "outdated"
	TooSlow          Kind = "too_slow"          // 408: the request did not arrive in time
	TooLarge         Kind = "too_large"         // 413
	UnsupportedMedia Kind = "unsupported_media" // 415
	Busy             Kind = "busy"              // 429: no room within the deadline; RetryAfter is set
	Internal         Kind = "internal"          // 500: the cause is in the log only
	FunctionFailed   Kind = "function_failed"   // 502: the caller asked for the output of a function that failed
	Unavailable      Kind = "unavailable"       // 503: a part we need is down
)

// Known reports whether it is one of the kinds above, and not what somebody else calls so.
func (k Kind) Known() bool {
	switch k {
	case Invalid,
		Unauthenticated,
		Forbidden,
		OverQuota,
		NotFound,
		MethodNotAllowed,
		NoSuchVersion,
		Conflict,
		Outdated,
		TooSlow,
		TooLarge,
		UnsupportedMedia,
		Busy,
		Internal,
		FunctionFailed,
		Unavailable:
		return true
	}
	return false
}

// Error is the one error type that callers of the API may see. Message is for them: it says what
// was wrong and what would be right, and holds nothing secret. Cause is for the log.
type Error struct {
	Kind       Kind
	Message    string
	RetryAfter time.Duration // for Busy and Unavailable: when to try again; 0 when not known
	Candidates []Named       // for a Conflict about a name: the things that have it
	Cause      error
}

// Error returns the message and, when there is one, the cause.
func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error of the kind with a formatted message for the caller.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// WithCause returns a copy that carries the cause for the log.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.Cause = err
	return &c
}

// Said returns what an error says to users: the message of the first Error in its chain, without the
// cause, which is for the log. Of what is no Error, or of kind Internal, they learn that the
// service failed.
func Said(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind != Internal {
		return e.Message
	}
	return "The service failed."
}

// KindOf returns the kind of the first Error in err's chain, Internal for any other error, and ""
// for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
