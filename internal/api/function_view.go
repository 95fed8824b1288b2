package api

import (
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

type functionView struct {
	ID            string   `json:"id"`
	Name          *string  `json:"name"`
	Description   *string  `json:"description"`
	Count         int      `json:"count"`
	Code          codeView `json:"code"`
	RuntimeID     *string  `json:"runtime_id"`
	Entry         *string  `json:"entry"`
	ProjectID     string   `json:"project_id"`
	CreatedAt     *string  `json:"created_at"`
	UpdatedAt     *string  `json:"updated_at"`
	CPU           int      `json:"cpu"`
	MemorySize    int64    `json:"memory_size"`
	Timeout       int64    `json:"timeout"`
	LatestVersion int      `json:"latest_version"`

	Roles *[]string `json:"roles,omitempty"` // ours, from microversion 1.1 on: what it may do in the project

	// Ours, from 1.8 on: which image code.image stands for; null of other sources.
	Digest **string `json:"image_digest,omitempty"`

	// Ours, from 1.10 on: where the outcomes of executions go that nobody waits for; null for
	// nowhere.
	OnSuccess **destinationView `json:"on_success,omitempty"`
	OnFailure **destinationView `json:"on_failure,omitempty"`

	// Ours, from 1.14 on: what its code finds in its environment; of secrets the names, never a value.
	Environment *map[string]string `json:"environment,omitempty"`
	Secrets     *[]string          `json:"secrets,omitempty"`

	// Ours, from 1.15 on: how long records of its executions are kept; null as its project's.
	Retention **retentionView `json:"retention,omitempty"`
}

type codeView struct {
	Source string     `json:"source"`
	MD5    string     `json:"md5sum,omitempty"`
	Swift  *swiftView `json:"swift,omitempty"`
	Image  string     `json:"image,omitempty"`

	Protocol string `json:"protocol,omitempty"`          // ours: of image functions
	User     string `json:"registry_username,omitempty"` // ours, from 1.8 on: as whom the image is pulled
}

type swiftView struct {
	Container string `json:"container"`
	Object    string `json:"object"`
}

func viewFunction(f faas.Function) functionView {
	return functionView{
		ID: f.ID, Name: orNull(f.Name), Description: orNull(f.Description), Count: f.Count, Code: viewCode(f.Code),
		RuntimeID: orNull(f.RuntimeID), Entry: orNull(f.Entry), ProjectID: f.ProjectID,
		CreatedAt: timeText(f.CreatedAt), UpdatedAt: timeText(f.UpdatedAt),
		CPU: f.CPU, MemorySize: f.MemorySize, Timeout: int64(f.Timeout / time.Second), LatestVersion: f.LatestVersion,
	}
}

func viewCode(c faas.Code) codeView {
	v := codeView{Source: string(c.Source), MD5: c.MD5, Image: c.Image, Protocol: string(c.Protocol)}
	if c.Source == faas.SourceSwift {
		v.Swift = &swiftView{Container: c.Container, Object: c.Object}
	}
	return v
}

// functionViewer returns how a function looks to the request: with its roles from 1.1 on, what is
// known of its image from 1.8 on, its destinations from 1.10 on, its environment from 1.14 on and its
// retention from 1.15 on.
func functionViewer(r *http.Request) func(faas.Function) functionView {
	version := request.Of(r).Version
	if !version.AtLeast(request.V11) {
		return viewFunction
	}
	return func(f faas.Function) functionView {
		v, roles := viewFunction(f), f.TrustRoles
		if roles == nil {
			roles = []string{}
		}
		v.Roles = &roles
		if version.AtLeast(request.V18) {
			digest := orNull(f.Code.Digest)
			v.Digest, v.Code.User = &digest, f.Registry.User
		}
		if version.AtLeast(request.V110) {
			success, failure := viewDestination(f.OnSuccess), viewDestination(f.OnFailure)
			v.OnSuccess, v.OnFailure = &success, &failure
		}
		if version.AtLeast(request.V114) {
			v.Environment, v.Secrets = viewVariables(f.Environment, f.Secrets)
		}
		if version.AtLeast(request.V115) {
			retention := viewRetention(f.Retention)
			v.Retention = &retention
		}
		return v
	}
}
