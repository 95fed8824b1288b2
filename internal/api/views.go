package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// The views are what clients see. Every column is there, null where it is unset: clients ask again
// for one that is missing.

type runtimeView struct {
	ID           string  `json:"id"`
	Name         *string `json:"name"`
	Image        string  `json:"image"`
	Status       string  `json:"status"`
	StatusReason *string `json:"status_reason"` // ours: why the status is error
	Description  *string `json:"description"`
	IsPublic     bool    `json:"is_public"`
	Trusted      bool    `json:"trusted"`
	ProjectID    string  `json:"project_id"`
	CreatedAt    *string `json:"created_at"`
	UpdatedAt    *string `json:"updated_at"`
}

func viewRuntime(r faas.Runtime) runtimeView {
	return runtimeView{
		ID: r.ID, Name: orNull(r.Name), Image: r.Image, Status: string(r.Status), StatusReason: orNull(r.StatusReason),
		Description: orNull(r.Description), IsPublic: r.IsPublic, Trusted: r.Trusted, ProjectID: r.ProjectID,
		CreatedAt: timeText(r.CreatedAt), UpdatedAt: timeText(r.UpdatedAt),
	}
}

// describedRuntimeView is a runtime from V19 on.
type describedRuntimeView struct {
	runtimeView
	Interpreter *string         `json:"interpreter"` // these two null until a worker has said them
	Modules     json.RawMessage `json:"modules"`
}

// placedRuntimeView is a runtime from V112 on.
type placedRuntimeView struct {
	describedRuntimeView
	Placement map[string]string `json:"placement"` // empty for any
}

// runtimeViewer returns how a runtime looks to the request.
func runtimeViewer(r *http.Request) func(faas.Runtime) any {
	version := request.Of(r).Version
	if !version.AtLeast(request.V19) {
		return func(r faas.Runtime) any { return viewRuntime(r) }
	}
	return func(r faas.Runtime) any {
		v := describedRuntimeView{runtimeView: viewRuntime(r), Interpreter: orNull(r.Interpreter)}
		if r.Modules != "" {
			v.Modules = json.RawMessage(r.Modules)
		}
		if version.AtLeast(request.V112) {
			return placedRuntimeView{v, r.Placement.Labels()}
		}
		return v
	}
}

type poolView struct {
	Name     string       `json:"name"`
	Capacity poolCapacity `json:"capacity"`
}

type poolCapacity struct {
	Total     int `json:"total"`
	Available int `json:"available"`
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// timeForm is how Qinling wrote times: UTC, microseconds, no zone.
const timeForm = "2006-01-02 15:04:05.000000"

// timeText writes a time in that form; nil for none.
func timeText(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(timeForm)
	return &text
}
