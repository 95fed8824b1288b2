package api

import (
	"net/http"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

type jobView struct {
	ID                 string  `json:"id"`
	Name               *string `json:"name"`
	Count              *int    `json:"count"` // null: it is endless
	Status             string  `json:"status"`
	FunctionAlias      *string `json:"function_alias"`
	FunctionID         *string `json:"function_id"`
	FunctionVersion    int     `json:"function_version"`
	FunctionInput      *string `json:"function_input"`
	Pattern            *string `json:"pattern"`
	FirstExecutionTime *string `json:"first_execution_time"`
	NextExecutionTime  *string `json:"next_execution_time"`
	ProjectID          string  `json:"project_id"`
	CreatedAt          *string `json:"created_at"`
	UpdatedAt          *string `json:"updated_at"`
}

func viewJob(j faas.Job) jobView {
	v := jobView{
		ID: j.ID, Name: orNull(j.Name), Status: string(j.Status), FunctionAlias: orNull(j.Calls.Alias),
		FunctionID: orNull(j.Calls.FunctionID), FunctionVersion: j.Calls.Version, FunctionInput: orNull(j.Input),
		Pattern: orNull(j.Pattern), FirstExecutionTime: timeText(j.FirstAt), NextExecutionTime: timeText(j.NextAt),
		ProjectID: j.ProjectID, CreatedAt: timeText(j.CreatedAt), UpdatedAt: timeText(j.UpdatedAt),
	}
	if j.Count != faas.JobEndless {
		v.Count = &j.Count
	}
	return v
}

// zonedJobView is a job from v15 on.
type zonedJobView struct {
	jobView
	TimeZone     *string `json:"time_zone"`     // null without a pattern
	StatusReason *string `json:"status_reason"` // null after an execution that could be made
}

// jobViewer returns how a job looks to the request.
func jobViewer(r *http.Request) func(faas.Job) any {
	if !request.Of(r).Version.AtLeast(request.V15) {
		return func(j faas.Job) any { return viewJob(j) }
	}
	return func(j faas.Job) any {
		v := zonedJobView{jobView: viewJob(j), StatusReason: orNull(j.StatusReason)}
		if j.Pattern != "" {
			v.TimeZone = orNull(orName(j.TimeZone, "UTC"))
		}
		return v
	}
}
