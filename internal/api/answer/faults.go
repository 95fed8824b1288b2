package answer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/api/request"
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

// Fault is the body of every error: faultstring for the clients of old, errors as the OpenStack API
// guidelines have it.
type Fault struct {
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
	Links      []Link `json:"links,omitempty"`
}

// WriteError answers with an error. What is not known to be meant for callers stays in the log.
func (a *Responder) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	info := request.Of(r)
	info.Err = err
	var known *faas.Error
	if !errors.As(err, &known) {
		known = faas.Errorf(faas.Internal, "The service failed; the request id is %s.", info.ID)
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
	if status == http.StatusUnauthorized && a.AuthURI != "" {
		h.Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", a.AuthURI))
	}
	h.Del("Content-Disposition")
	h.Set("Content-Type", "application/json")
	detail := faultDetail{
		Status: status, Code: "faas." + strings.ReplaceAll(string(known.Kind), "_", "-"), Title: http.StatusText(status),
		Detail: known.Message, RequestID: info.ID, Candidates: known.Candidates,
	}
	if known.Kind == faas.NoSuchVersion {
		detail.bounds(a.Endpoint.Of(r))
	}
	// of strings and numbers: cannot fail
	text, _ := json.Marshal(Fault{Faultstring: known.Message, Errors: []faultDetail{detail}})
	if status == http.StatusRequestEntityTooLarge {
		a.writeToSender(w, r, status, text)
		return
	}
	a.writeBytes(w, r, status, text)
}

// UnknownPath answers that nothing has the request's path.
func (a *Responder) UnknownPath(w http.ResponseWriter, r *http.Request) {
	a.WriteError(w, r, faas.Errorf(faas.NotFound, "There is nothing at %s.", request.Short(r.URL.Path)))
}

// MethodNotAllowed says that the request's path has no such method.
func MethodNotAllowed(r *http.Request) error {
	return faas.Errorf(faas.MethodNotAllowed, "The method %s is not allowed on %s.",
		request.Short(r.Method), request.Short(r.URL.Path))
}

// bounds adds to a fault about versions what the guidelines ask for: the versions that there are
// and where they are described.
func (d *faultDetail) bounds(base string) {
	d.MinVersion, d.MaxVersion = request.MinVersion.String(), request.MaxVersion.String()
	d.Links = []Link{{Rel: "help", Href: base + "/v1"}}
}
