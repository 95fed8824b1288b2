package api

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/list"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// functionVersionHandlers answer for /v1/functions/{id}/versions.
type functionVersionHandlers struct {
	store    *store.FunctionStore
	packages codestore.Store // for downloads
	engines  *engineclient.Client
	bodies   fields.Bodies
	lists    list.Reader
	quota    projectQuota
	log      *slog.Logger
}

// create is POST /v1/functions/{id}/versions: the function as it is now becomes a version.
func (h *functionVersionHandlers) create(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	o, err := h.bodies.ReadObjectOrNothing(r, "description")
	if err != nil {
		return nil, err
	}
	description := o.Line("description")
	if err := o.Fault(); err != nil {
		return nil, err
	}
	quota, err := h.quota.limits(r.Context(), id.ProjectID)
	if err != nil {
		return nil, err
	}
	made, err := h.store.CreateVersion(r.Context(), faas.ProjectScope(id), functionID, description, quota)
	if err != nil {
		return nil, err
	}
	return answer.Created{Body: functionVersionViewer(r)(made)}, nil
}

// list is GET /v1/functions/{id}/versions.
func (h *functionVersionHandlers) list(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	l, scope, err := h.lists.Read(r, id, "function_version:get_all:all_projects")
	if err != nil {
		return nil, err
	}
	if !l.AllProjects && l.ProjectID == "" { // as a function itself is read: without a word where it is another's
		f, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (faas.Function, error) {
			return h.store.Function(r.Context(), scope, functionID)
		})
		if err != nil {
			return nil, err
		}
		scope = faas.OneProject(f.ProjectID)
	} else if _, err := h.store.Function(r.Context(), scope, functionID); err != nil {
		return nil, err
	}
	texts := func(v faas.FunctionVersion) int { return len(v.Description) + len(v.Environment) + len(v.Secrets) }
	rows, err := list.Read(r, l.Query, texts, func() (store.Page[faas.FunctionVersion], error) {
		return h.store.FunctionVersions(r.Context(), scope, functionID, l.Query)
	})
	if err != nil {
		return nil, err
	}
	return list.Page(h.lists.Endpoint, r, "function_versions", rows, functionVersionViewer(r)), nil
}

// get is GET /v1/functions/{id}/versions/{number}: the record, or with ?download=true the package.
func (h *functionVersionHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	functionID, number, err := pathVersion(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	download, err := downloadAsked(r)
	if err != nil {
		return nil, err
	}
	v, err := readOne(r, h.lists.Policy, id, func(scope faas.Scope) (faas.FunctionVersion, error) {
		return h.store.FunctionVersion(r.Context(), scope, functionID, number)
	})
	if err != nil {
		return nil, err
	}
	if !download {
		return functionVersionViewer(r)(v), nil
	}
	if v.Code.Source == faas.SourceImage {
		return nil, faas.Errorf(faas.Invalid,
			"Version %d of function %s has no package to download: its source is %s.", number, functionID, v.Code.Source)
	}
	body, size, err := h.packages.Open(r.Context(), v.Code.SHA256)
	if err != nil {
		return nil, faas.Errorf(faas.Internal, "The package of version %d of function %s cannot be read.", number,
			functionID).WithCause(err)
	}
	return answer.Package{Name: functionID + "_" + strconv.Itoa(number) + ".zip", Size: size, Body: body}, nil
}

func (h *functionVersionHandlers) delete(r *http.Request, id faas.Identity) (any, error) {
	functionID, number, err := pathVersion(r, id, h.store.FunctionID)
	if err != nil {
		return nil, err
	}
	if _, err := h.store.DeleteVersion(r.Context(), faas.ProjectScope(id), functionID, number); err != nil {
		return nil, err
	}
	gone := faas.FunctionChanged{FunctionID: functionID, Version: number}
	if err := h.engines.FunctionChanged(r.Context(), gone); err != nil {
		h.log.Warn("a version's deletion could not be announced; its workers end by being idle",
			"request_id", request.Of(r).ID, "function_id", functionID, "version", number, "error", err)
	}
	return answer.NoContent{}, nil
}

// pathVersion returns the function's id and the version's number in the request's path.
func pathVersion(r *http.Request, id faas.Identity, find request.ByName) (functionID string, number int, err error) {
	if functionID, err = request.PathIDOrName(r, id, find); err != nil {
		return "", 0, err
	}
	text := mux.Vars(r)["version"]
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > math.MaxInt32 {
		return "", 0, faas.Errorf(faas.Invalid, "The version in the path must be a number from 1 on; it is %q.", request.Short(text))
	}
	return functionID, int(n), nil
}

type functionVersionView struct {
	ID            string  `json:"id"`
	FunctionID    string  `json:"function_id"`
	Description   *string `json:"description"`
	VersionNumber int     `json:"version_number"`
	Count         int     `json:"count"`
	ProjectID     string  `json:"project_id"`
	CreatedAt     *string `json:"created_at"`
	UpdatedAt     *string `json:"updated_at"`

	// Ours, from 1.8 on: which image it runs; null of other sources.
	Digest **string `json:"image_digest,omitempty"`

	// Ours, from 1.14 on: what its code finds in its environment; of secrets the names, never a value.
	Environment *map[string]string `json:"environment,omitempty"`
	Secrets     *[]string          `json:"secrets,omitempty"`
}

// functionVersionViewer returns how a version looks to the request.
func functionVersionViewer(r *http.Request) func(faas.FunctionVersion) functionVersionView {
	version := request.Of(r).Version
	if !version.AtLeast(request.V18) {
		return viewFunctionVersion
	}
	return func(v faas.FunctionVersion) functionVersionView {
		view, digest := viewFunctionVersion(v), orNull(v.Code.Digest)
		view.Digest = &digest
		if version.AtLeast(request.V114) {
			view.Environment, view.Secrets = viewVariables(v.Environment, v.Secrets)
		}
		return view
	}
}

func viewFunctionVersion(v faas.FunctionVersion) functionVersionView {
	return functionVersionView{
		ID: v.ID, FunctionID: v.FunctionID, Description: orNull(v.Description), VersionNumber: v.Number, Count: v.Count,
		ProjectID: v.ProjectID, CreatedAt: timeText(v.CreatedAt),
	}
}
