package api

import (
	"math"
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// aliasNameField returns the name of an alias that is to be. It stands in paths, as one segment.
func aliasNameField(o *fields.Object) string {
	name := o.Line("name")
	switch {
	case name == "":
		o.Refuse("name is required: what the alias is to be called.")
	case strings.ContainsAny(name, "/\n\t") || name == "." || name == ".." || name != strings.TrimSpace(name):
		o.Refuse("name must be a single segment of a path: no slash, line break or tab, no spaces around it, "+
			"and neither . nor ..; it is %q.", request.Short(name))
	}
	return name
}

// versionField returns the number of a version, 0 for the live code; nil when it is not set.
func versionField(o *fields.Object, name string) *int {
	n := o.Number(name, "", 0, math.MaxInt32)
	if n == nil {
		return nil
	}
	version := int(*n)
	return &version
}

// canaryField returns the canary of an alias; nil when nothing is said of one. 0 percent is none.
func canaryField(o *fields.Object) *faas.Canary {
	version, percent := versionField(o, "canary_version"), o.Number("canary_percent", "", 0, 99)
	switch {
	case percent == nil && version == nil:
		return nil
	case percent == nil || version == nil && *percent > 0:
		o.Refuse("canary_version and canary_percent go together: the version, and how many of a hundred calls it gets. " +
			"canary_percent 0 ends the canary.")
		return nil
	}
	return &faas.Canary{Version: fields.ValueOr(version, 0), Percent: int(*percent)}
}

type aliasView struct {
	ID              string  `json:"id"`
	Name            string  `json:"name"`
	FunctionID      string  `json:"function_id"`
	Description     *string `json:"description"`
	FunctionVersion int     `json:"function_version"`
	ProjectID       string  `json:"project_id"`
	CreatedAt       *string `json:"created_at"`
	UpdatedAt       *string `json:"updated_at"`
}

// canaryAliasView is an alias from v14 on.
type canaryAliasView struct {
	aliasView
	CanaryVersion *int `json:"canary_version"` // null without a canary
	CanaryPercent int  `json:"canary_percent"`
}

func viewAlias(a faas.Alias) aliasView {
	return aliasView{
		ID: a.ID, Name: a.Name, FunctionID: a.FunctionID, Description: orNull(a.Description), FunctionVersion: a.Version,
		ProjectID: a.ProjectID, CreatedAt: timeText(a.CreatedAt), UpdatedAt: timeText(a.UpdatedAt),
	}
}

// aliasViewer returns how an alias looks to the request.
func aliasViewer(r *http.Request) func(faas.Alias) any {
	if !request.Of(r).Version.AtLeast(request.V14) {
		return func(a faas.Alias) any { return viewAlias(a) }
	}
	return func(a faas.Alias) any {
		v := canaryAliasView{aliasView: viewAlias(a), CanaryPercent: a.Canary.Percent}
		if a.Canary.Percent > 0 {
			v.CanaryVersion = &a.Canary.Version
		}
		return v
	}
}
