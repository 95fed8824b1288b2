package api

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/store"
)

// functionHandlers answer for /v1/functions.
type functionHandlers struct {
	store     *store.Store
	packages  codestore.Store // for downloads
	engines   *engineclient.Client
	notify    *notify.Notifier
	limits    *adjustable[faas.Limits] // what a function may ask for
	forms     fields.Forms
	lists     list.Reader
	code      *codeSources
	trusts    *trusts.Trusts
	variables *seal.Variables // seals secrets; nil: none are kept
	quota     projectQuota
	log       *slog.Logger
	now       func() time.Time
}

func (h *functionHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"runtime_id", "code", "name", "description", "entry", "cpu", "memory_size", "timeout", fields.PackageField}
	f, err := h.forms.Read(r, id, functionFields(r, known)...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o := &f.Object
	code, limits := codeField(o, codeFieldsOf(r)), h.limits.get()
	function := faas.Function{
		ID: faas.NewID(), ProjectID: id.ProjectID, CreatedAt: h.now(), RuntimeID: runtimeField(r, id, o, h.store.RuntimeID),
		Name: o.Line("name"), Description: o.Line("description"),
		Entry:      fields.ValueOr(entryField(o), faas.DefaultEntry),
		CPU:        fields.ValueOr(cpuField(o, limits), int(limits.CPU.Default)),
		MemorySize: fields.ValueOr(memorySizeField(o, limits), limits.Memory.Default),
		Timeout:    fields.ValueOr(timeoutField(o, limits), time.Duration(limits.Timeout.Default)*time.Second),
	}
	roles := trusts.RolesField(o)
	environment, secrets := environmentField(o), secretsField(o)
	success, failure := h.destinationFields(r, id, o)
	function.OnSuccess, function.OnFailure = fields.ValueOr(success, faas.Destination{}), fields.ValueOr(failure, faas.Destination{})
	function.Retention = fields.ValueOr(retentionField(o), faas.Retention{})
	if err := o.Fault(); err != nil {
		return nil, err
	}
	if err := h.quota.mayRetain(r.Context(), id.ProjectID, &function.Retention); err != nil {
		return nil, err
	}
	if err := h.setVariables(&function, environment, secrets); err != nil {
		return nil, err
	}
	if err := h.quota.roomForFunction(r.Context(), id.ProjectID); err != nil {
		return nil, err
	}
	if function.Code, err = h.code.forNew(r.Context(), id, f, code, function.RuntimeID); err != nil {
		return nil, err
	}
	if function.Code.Source == faas.SourceImage {
		function.Entry, function.Registry = "", h.code.images.accessAfter(function, code)
	}
	if function, err = h.record(r.Context(), id, function, roles); err != nil {
		return nil, err
	}
	h.expectCall(r, function)
	h.tell(r, notify.FunctionCreate, id, function)
	return answer.Created{Body: functionViewer(r)(function)}, nil
}

// record records the function with the trust by which it will act for the caller.
func (h *functionHandlers) record(
	ctx context.Context, id faas.Identity, f faas.Function, roles *[]string,
) (faas.Function, error) {
	quota, err := h.quota.limits(ctx, id.ProjectID)
	if err != nil {
		return f, err
	}
	trust, err := h.trusts.Make(ctx, id, f.Code.Source, roles)
	if err != nil {
		return f, err
	}
	f.TrustID, f.TrustRoles = trust.ID, trust.Roles
	made := f
	if err = mayDeliver(f); err == nil {
		made, err = h.store.CreateFunction(ctx, f, quota)
	}
	if err != nil {
		h.trusts.Withdraw(ctx, trust.ID, err)
	}
	return made, err
}

func (h *functionHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	return list.Answer(h.lists, r, id, list.Of[faas.Function, functionView]{
		Plural: "functions", Rule: "function:get_all:all_projects", Read: h.store.Functions, View: functionViewer(r),
		Texts: func(f faas.Function) int { return len(f.Description) + len(f.Environment) + len(f.Secrets) },
	})
}

// get is GET /v1/functions/{id}: the record, or with ?download=true the package.
func (h *functionHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	download, err := downloadAsked(r)
	if err != nil {
		return nil, err
	}
	function, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (faas.Function, error) {
		return h.store.Function(r.Context(), scope, functionID)
	})
	if err != nil {
		return nil, err
	}
	if !download {
		return functionViewer(r)(function), nil
	}
	if function.Code.Source == faas.SourceImage {
		return nil, faas.Errorf(
			faas.Invalid, "Function %s has no package to download: its source is %s.", functionID,
			function.Code.Source,
		)
	}
	body, size, err := h.packages.Open(r.Context(), function.Code.SHA256)
	if err != nil {
		return nil, faas.Errorf(faas.Internal, "The package of function %s cannot be read.", functionID).WithCause(err)
	}
	return answer.Package{Name: functionID + ".zip", Size: size, Body: body}, nil
}

// downloadAsked reports whether the request is for the package rather than the record.
func downloadAsked(r *http.Request) (bool, error) {
	text := r.URL.Query().Get("download")
	if text == "" {
		return false, nil
	}
	download, err := strconv.ParseBool(text)
	if err != nil {
		return false, faas.Errorf(faas.Invalid, "download must be true or false; it is %q.", request.Short(text))
	}
	return download, nil
}

func (h *functionHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	gone, err := h.store.DeleteFunction(r.Context(), faas.ProjectScope(id), functionID)
	if err != nil {
		return nil, err
	}
	kept := gone.Code.Source == faas.SourceImage // perhaps: its versions may have needed secrets that it does not
	h.announce(r, faas.FunctionChanged{FunctionID: functionID, Private: kept})
	h.trusts.Delete(r.Context(), gone.TrustID)
	h.tell(r, notify.FunctionDelete, id, gone)
	return answer.NoContent{}, nil
}

// tell has other services told of a change of a function that is recorded.
func (h *functionHandlers) tell(r *http.Request, kind string, id faas.Identity, f faas.Function) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), recordTimeout)
	defer cancel()
	events := h.notify.Function(kind, id.UserID, request.Of(r).Recorded(), f)
	if err := h.store.AddEvents(ctx, events...); err != nil {
		h.log.Error("other services are not told of a function's change", "request_id", request.Of(r).ID, "function_id", f.ID,
			"event_type", kind, "error", err)
	}
}

// expectCall has the runtime's pool be ready for the first call of new code.
func (h *functionHandlers) expectCall(r *http.Request, f faas.Function) {
	if f.Code.Source == faas.SourceImage { // it takes no worker of a pool
		return
	}
	if err := h.engines.FunctionMade(r.Context(), f.RuntimeID); err != nil {
		h.log.Debug("a new function could not be announced; its first call may wait longer for a worker",
			"request_id", request.Of(r).ID, "function_id", f.ID, "error", err)
	}
}

// announce broadcasts the function's change, so that workers of its older revisions end soon.
func (h *functionHandlers) announce(r *http.Request, change faas.FunctionChanged) {
	if err := h.engines.FunctionChanged(r.Context(), change); err != nil {
		h.log.Warn("a function's change could not be announced; its old workers end by being idle",
			"request_id", request.Of(r).ID, "function_id", change.FunctionID, "error", err)
	}
}
