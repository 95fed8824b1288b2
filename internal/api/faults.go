package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// statuses maps each kind of error to its status. There is no other such table.
var statuses = map[faas.Kind]int{
	faas.Invalid:          http.StatusBadRequest,
	faas.Unauthenticated:  http.StatusUnauthorized,
	faas.Forbidden:        http.StatusForbidden,
	faas.OverQuota:        http.StatusForbidden,
	faas.NotFound:         http.StatusNotFound,
	faas.MethodNotAllowed: http.StatusMethodNotAllowed,
	faas.NoSuchVersion:    http.StatusNotAcceptable,
	faas.Conflict:         http.StatusConflict,
	faas.Outdated:         http.StatusConflict,
	faas.TooSlow:          http.StatusRequestTimeout,
	faas.TooLarge:         http.StatusRequestEntityTooLarge,
	faas.UnsupportedMedia: http.StatusUnsupportedMediaType,
	faas.Busy:             http.StatusTooManyRequests,
	faas.Internal:         http.StatusInternalServerError,
	faas.FunctionFailed:   http.StatusBadGateway,
	faas.Unavailable:      http.StatusServiceUnavailable,
}

// fault is the body of every error: faultstring for the clients of old, errors as the OpenStack API
// guidelines have it.
type fault struct {
	Faultstring string        `json:"faultstring"`
	Errors      []faultDetail `json:"errors"`
}

type faultDetail struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`

	Candidates []faas.Named `json:"candidates,omitempty"` // where a name is given that several things have

	MinVersion string `json:"min_version,omitempty"` // these three: where a microversion is asked for that is not there
	MaxVersion string `json:"max_version,omitempty"`
	Links      []link `json:"links,omitempty"`
}

// writeError answers with an error. What is not known to be meant for callers stays in the log.
func (a *responder) writeError(w http.ResponseWriter, r *http.Request, err error) {
	info := infoOf(r)
	info.err = err
	var known *faas.Error
	if !errors.As(err, &known) {
		known = faas.Errorf(faas.Internal, "The service failed; the request id is %s.", info.id)
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			known = faas.Errorf(faas.Unavailable, "The request was given up.") // nobody is there to read it
		}
	}
	status, ok := statuses[known.Kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	h := w.Header()
	if known.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(known.RetryAfter.Seconds()))))
	}
	if status == http.StatusUnauthorized && a.authURI != "" {
		h.Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", a.authURI))
	}
	h.Del("Content-Disposition")
	h.Set("Content-Type", "application/json")
	detail := faultDetail{
		Status: status, Code: "faas." + strings.ReplaceAll(string(known.Kind), "_", "-"), Title: http.StatusText(status),
		Detail: known.Message, RequestID: info.id, Candidates: known.Candidates,
	}
	if known.Kind == faas.NoSuchVersion {
		detail.bounds(a.endpoint.of(r))
	}
	// of strings and numbers: cannot fail
	text, _ := json.Marshal(fault{Faultstring: known.Message, Errors: []faultDetail{detail}})
	if status == http.StatusRequestEntityTooLarge {
		a.writeToSender(w, r, status, text)
		return
	}
	a.writeBytes(w, r, status, text)
}

func (a *responder) unknownPath(w http.ResponseWriter, r *http.Request) {
	a.writeError(w, r, faas.Errorf(faas.NotFound, "There is nothing at %s.", short(r.URL.Path)))
}

func methodNotAllowed(r *http.Request) error {
	return faas.Errorf(faas.MethodNotAllowed, "The method %s is not allowed on %s.", short(r.Method), short(r.URL.Path))
}

// maxQuoted is how many letters of what a caller sent are repeated to them.
const maxQuoted = 100

// short cuts what is to be quoted in a message.
func short(text string) string {
	letters := []rune(text)
	if len(letters) <= maxQuoted {
		return text
	}
	return string(letters[:maxQuoted]) + "…"
}
