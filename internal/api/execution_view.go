package api

import (
	"net/http"
	"slices"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

type executionView struct {
	ID              string  `json:"id"`
	FunctionAlias   *string `json:"function_alias"`
	FunctionID      string  `json:"function_id"`
	FunctionVersion int     `json:"function_version"`
	Description     *string `json:"description"`
	Input           *string `json:"input"`
	Result          *string `json:"result"`
	Status          string  `json:"status"`
	Sync            bool    `json:"sync"`
	ProjectID       string  `json:"project_id"`
	CreatedAt       *string `json:"created_at"`
	UpdatedAt       *string `json:"updated_at"`

	Truncated []string `json:"truncated,omitempty"` // ours: attributes that a list has cut

	Trigger **string `json:"trigger_id,omitempty"` // ours, from 1.10 on: null where no trigger caused it
}

// executionViewer returns how an execution looks to the request. To clients it runs from its
// creation on. Those that know no status for it see one that was cancelled as one in error: the
// service did not run it to its end, and the output says why.
func executionViewer(r *http.Request) func(faas.Execution) executionView {
	version := request.Of(r).Version
	knowCancelled := version.AtLeast(request.V17)
	return func(x faas.Execution) executionView {
		switch {
		case x.Status == faas.ExecutionQueued:
			x.Status = faas.ExecutionRunning
		case x.Status == faas.ExecutionCancelled && !knowCancelled:
			x.Status = faas.ExecutionError
		}
		v := viewExecution(x)
		if version.AtLeast(request.V110) {
			trigger := orNull(x.TriggerID)
			v.Trigger = &trigger
		}
		return v
	}
}

// executionFilters returns the filters of a list so that they find what executionViewer shows.
func executionFilters(r *http.Request, filters []faas.Filter) []faas.Filter {
	if request.Of(r).Version.AtLeast(request.V17) {
		return filters
	}
	filters = slices.Clone(filters)
	for i, f := range filters {
		if f.Field == "status" && slices.Contains(f.Values, string(faas.ExecutionError)) {
			filters[i].Values = append(slices.Clone(f.Values), string(faas.ExecutionCancelled))
		}
	}
	return filters
}

func viewExecution(x faas.Execution) executionView {
	return executionView{
		ID: x.ID, FunctionAlias: orNull(x.FunctionAlias), FunctionID: x.FunctionID, FunctionVersion: x.FunctionVersion,
		Description: orNull(x.Description), Input: orNull(shownInput(x)), Result: orNull(shownResult(x)),
		Status: string(x.Status), Sync: x.Sync,
		ProjectID: x.ProjectID, CreatedAt: timeText(x.CreatedAt), UpdatedAt: timeText(x.UpdatedAt), Truncated: truncated(x),
	}
}

func textsOfExecution(x faas.Execution) int { return len(x.Description) + len(x.Input) + len(x.Result) }
