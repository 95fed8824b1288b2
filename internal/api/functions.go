package api

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/store"
)

// entryForm is module.function, where the module may be in packages: letters that file names and
// identifiers share.
var entryForm = regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$-]*(\.[\p{L}_$][\p{L}\p{N}_$-]*)+$`)

func (o *object) entry() *string {
	entry := o.text("entry", faas.MaxEntryLength)
	if entry != nil && !entryForm.MatchString(*entry) {
		o.refuse("entry must be module.function, as in main.main; it is %q.", short(*entry))
	}
	return entry
}

// cpu returns millicores, nil when they are not set.
func (o *object) cpu(l faas.Limits) *int {
	n := o.number("cpu", " millicores", l.CPU.Min, l.CPU.Max)
	if n == nil || *n > math.MaxInt32 {
		return nil
	}
	cpu := int(*n)
	return &cpu
}

func (o *object) memorySize(l faas.Limits) *int64 {
	return o.number("memory_size", " bytes", l.Memory.Min, l.Memory.Max)
}

func (o *object) timeout(l faas.Limits) *time.Duration {
	n := o.number("timeout", " seconds", l.Timeout.Min, l.Timeout.Max)
	if n == nil {
		return nil
	}
	timeout := time.Duration(*n) * time.Second
	return &timeout
}

func valueOr[T any](v *T, initial T) T {
	if v == nil {
		return initial
	}
	return *v
}

func (s *Server) createFunction(r *http.Request, id faas.Identity) (any, error) {
	known := []string{"runtime_id", "code", "name", "description", "entry", "cpu", "memory_size", "timeout", packageField}
	f, err := s.readForm(r, id, fieldsSince(r, v11, known, "roles")...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	code := f.code()
	function := faas.Function{
		ID: faas.NewID(), ProjectID: id.ProjectID, CreatedAt: s.now(), RuntimeID: f.id("runtime_id"),
		Name: f.line("name"), Description: f.line("description"),
		Entry:      valueOr(f.entry(), faas.DefaultEntry),
		CPU:        valueOr(f.cpu(s.cfg.Limits), int(s.cfg.Limits.CPU.Default)),
		MemorySize: valueOr(f.memorySize(s.cfg.Limits), s.cfg.Limits.Memory.Default),
		Timeout:    valueOr(f.timeout(s.cfg.Limits), time.Duration(s.cfg.Limits.Timeout.Default)*time.Second),
	}
	roles := f.roles()
	if err := f.fault(); err != nil {
		return nil, err
	}
	if err := s.roomForFunction(r.Context(), id.ProjectID); err != nil {
		return nil, err
	}
	if function.Code, err = s.newCode(r.Context(), id, f, code, function.RuntimeID); err != nil {
		return nil, err
	}
	if function.Code.Source == faas.SourceImage {
		function.Entry = ""
	}
	if function, err = s.recordFunction(r.Context(), id, function, roles); err != nil {
		return nil, err
	}
	s.tellOf(r, notify.FunctionCreate, id, function)
	return created{functionViewer(r)(function)}, nil
}

// recordFunction records the function with the trust by which it will act for the caller.
func (s *Server) recordFunction(
	ctx context.Context, id faas.Identity, f faas.Function, roles *[]string,
) (faas.Function, error) {
	quota, err := s.quotaOf(ctx, id.ProjectID)
	if err != nil {
		return f, err
	}
	trust, err := s.trust(ctx, id, f.Code.Source, roles)
	if err != nil {
		return f, err
	}
	f.TrustID, f.TrustRoles = trust.ID, trust.Roles
	made, err := s.cfg.Store.CreateFunction(ctx, f, quota)
	if err != nil {
		s.withdraw(ctx, trust.ID, err)
	}
	return made, err
}

// newCode returns the code of a function that is to be, having kept its package if it is of one.
func (s *Server) newCode(
	ctx context.Context, id faas.Identity, f *form, code *askedCode, runtimeID string,
) (faas.Code, error) {
	if code == nil {
		return faas.Code{}, faas.Errorf(faas.Invalid, `code is required, as in {"source": "package"}.`)
	}
	switch faas.CodeSource(code.Source) {
	case faas.SourceImage:
		return s.imageCode(f, code, runtimeID)
	case faas.SourceSwift:
		return s.swiftCode(ctx, id, f, code, runtimeID)
	default:
	}
	if err := s.requireForPackage(ctx, id, f, runtimeID); err != nil {
		return faas.Code{}, err
	}
	return s.keepPackage(ctx, f.pack, code.MD5, s.roomForPackage(id.ProjectID, 0))
}

// requireForPackage checks that there is all that a function of a package needs, before the package
// is kept. The record's own transaction looks at the runtime again.
func (s *Server) requireForPackage(ctx context.Context, id faas.Identity, f *form, runtimeID string) error {
	switch {
	case runtimeID == "":
		return faas.Errorf(faas.Invalid, "runtime_id is required for a function of source package.")
	case f.pack == nil:
		return faas.Errorf(
			faas.Invalid,
			"package is required for a function of source package: the zip, as a file in a multipart/form-data body.",
		)
	}
	return s.requireRuntime(ctx, id, runtimeID)
}

// requireRuntime checks that there is the runtime and that it is of use.
func (s *Server) requireRuntime(ctx context.Context, id faas.Identity, runtimeID string) error {
	runtime, err := s.cfg.Store.Runtime(ctx, faas.ProjectScope(id), runtimeID)
	if faas.KindOf(err) == faas.NotFound {
		return faas.Errorf(faas.Invalid, "Runtime %s can not be found.", runtimeID)
	}
	if err == nil && runtime.Status != faas.RuntimeAvailable {
		return faas.Errorf(faas.Conflict, "Runtime %s is not available: its status is %s.", runtimeID, runtime.Status)
	}
	return err
}

func (s *Server) listFunctions(r *http.Request, id faas.Identity) (any, error) {
	l, scope, err := s.readListing(r, id, "function:get_all:all_projects")
	if err != nil {
		return nil, err
	}
	texts := func(f faas.Function) int { return len(f.Description) }
	rows, err := readList(r, l.query, texts, func() (store.Page[faas.Function], error) {
		return s.cfg.Store.Functions(r.Context(), scope, l.query)
	})
	if err != nil {
		return nil, err
	}
	return page(s, r, "functions", rows, functionViewer(r)), nil
}

// getFunction is GET /v1/functions/{id}: the record, or with ?download=true the package.
func (s *Server) getFunction(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	download := false
	if text := r.URL.Query().Get("download"); text != "" {
		if download, err = strconv.ParseBool(text); err != nil {
			return nil, faas.Errorf(faas.Invalid, "download must be true or false; it is %q.", short(text))
		}
	}
	function, err := s.cfg.Store.Function(r.Context(), faas.ProjectScope(id), functionID)
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
	body, size, err := s.cfg.Code.Open(r.Context(), function.Code.SHA256)
	if err != nil {
		return nil, faas.Errorf(faas.Internal, "The package of function %s cannot be read.", functionID).WithCause(err)
	}
	return packageFile{name: functionID + ".zip", size: size, body: body}, nil
}

func (s *Server) deleteFunction(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	gone, err := s.cfg.Store.DeleteFunction(r.Context(), faas.ProjectScope(id), functionID)
	if err != nil {
		return nil, err
	}
	s.announceFunction(r, faas.FunctionChanged{FunctionID: functionID})
	s.deleteTrust(r.Context(), gone.TrustID)
	s.tellOf(r, notify.FunctionDelete, id, gone)
	return noContent{}, nil
}

// tellOf has other services told of a change of a function that is recorded.
func (s *Server) tellOf(r *http.Request, kind string, id faas.Identity, f faas.Function) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), recordTimeout)
	defer cancel()
	events := s.cfg.Notify.Function(kind, id.UserID, infoOf(r).recorded(), f)
	if err := s.cfg.Store.AddEvents(ctx, events...); err != nil {
		s.log.Error("other services are not told of a function's change", "request_id", infoOf(r).id, "function_id", f.ID,
			"event_type", kind, "error", err)
	}
}

// announceFunction tells everyone of the function's change, so that workers of its older revisions
// end soon.
func (s *Server) announceFunction(r *http.Request, change faas.FunctionChanged) {
	if err := s.cfg.Engines.FunctionChanged(r.Context(), change); err != nil {
		s.log.Warn("a function's change could not be announced; its old workers end by being idle",
			"request_id", infoOf(r).id, "function_id", change.FunctionID, "error", err)
	}
}
