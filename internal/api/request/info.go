// Package request is what is known of a request before any handler looks at it: its ids, its
// microversion, who sends it, what its path names.
package request

import (
	"context"
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/faas"
)

// IDHeader has the id of a request, in answers ours and in requests the caller's.
const IDHeader = "X-Openstack-Request-Id"

// Info is what is known of a request besides the request itself, for logs and metrics.
type Info struct {
	ID          string       // ours: req-<uuid>
	GlobalID    string       // the caller's, from the service that it came through; "" for none
	Route       string       // the path with its variables' names, never their values
	Version     Microversion // that the request is for
	VersionErr  error        // it asks for one that is not there
	Identity    faas.Identity
	ExecutionID string
	Grant       *memory.Grant // what the request holds of the budget of memory; nil for one that asks for no identity
	Err         error
}

// Recorded is the id that goes into records: the one that follows a request through the cloud, if
// there is one.
func (i *Info) Recorded() string {
	if i.GlobalID != "" {
		return i.GlobalID
	}
	return i.ID
}

// RecordedID returns the id that goes into the records of what the request whose context it is
// asks for; "" outside of one.
func RecordedID(ctx context.Context) string {
	info, ok := ctx.Value(infoKey{}).(*Info)
	if !ok {
		return ""
	}
	return info.Recorded()
}

type infoKey struct{}

// New makes an id for a request, whose route is not known yet.
func New(r *http.Request, route string) *Info {
	return &Info{ID: "req-" + faas.NewID(), GlobalID: globalRequestID(r), Route: route}
}

// Within returns a context from which Of, ID and others have it.
func (i *Info) Within(ctx context.Context) context.Context {
	return context.WithValue(ctx, infoKey{}, i)
}

// Of returns what is known of a request.
func Of(r *http.Request) *Info {
	info, ok := r.Context().Value(infoKey{}).(*Info)
	if !ok {
		return &Info{Version: MinVersion} // a handler that was called without ServeHTTP
	}
	return info
}

// ID returns the id of the request whose context it is; "" outside of one.
func ID(ctx context.Context) string {
	info, ok := ctx.Value(infoKey{}).(*Info)
	if !ok {
		return ""
	}
	return info.ID
}

// globalRequestID takes up the id of a request that comes through another service, if it has the
// form that OpenStack gives it.
func globalRequestID(r *http.Request) string {
	id := r.Header.Get(IDHeader)
	if uuid, ok := strings.CutPrefix(id, "req-"); ok && faas.IsID(uuid) {
		return id
	}
	return ""
}

// AwaitResult waits until there is room for a result of so many bytes of the execution whose
// request's context it is. It is for who reads the result: until then it stays with the worker.
func AwaitResult(ctx context.Context, bytes int64) error {
	info, ok := ctx.Value(infoKey{}).(*Info)
	if !ok {
		return nil
	}
	return info.Grant.AwaitResult(ctx, bytes)
}
