package notify

import (
	"math"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The types of events.
const (
	FunctionCreate = "function.create"
	FunctionUpdate = "function.update"
	FunctionDelete = "function.delete"
	ExecutionStart = "execution.start"
	ExecutionEnd   = "execution.end"   // it ran: the function returned or failed
	ExecutionError = "execution.error" // the service could not run it, or does not know how it ended
)

// The priorities, which are the ends of routing keys too.
const (
	priorityInfo  = "info"
	priorityError = "error"
)

// event is something that happened, as it is told: small, and not yet encoded.
type event struct {
	kind      string
	at        time.Time
	userID    string
	requestID string
	function  faas.Function
	execution *faas.Execution // nil for an event of a function
	took      time.Duration   // what an execution that ended ran for
}

func (e *event) priority() string {
	if e.kind == ExecutionError {
		return priorityError
	}
	return priorityInfo
}

// functionPayload and executionPayload are flat, so that the meters and events of Ceilometer can be defined by the names of fields. Their fields are
// documented in docs/admin/notifications.md; times are ISO 8601 in UTC.
type functionPayload struct {
	ProjectID   string  `json:"project_id"`
	UserID      string  `json:"user_id"`
	FunctionID  string  `json:"function_id"`
	Name        string  `json:"name"`
	RuntimeID   *string `json:"runtime_id"`
	CodeSource  string  `json:"code_source"`
	PackageSize int64   `json:"package_size"` // bytes
	CPU         int     `json:"cpu"`          // millicores
	MemorySize  int64   `json:"memory_size"`  // bytes
	Timeout     float64 `json:"timeout"`      // seconds
	CreatedAt   *string `json:"created_at"`
	UpdatedAt   *string `json:"updated_at"`
	DeletedAt   *string `json:"deleted_at"`
}

type executionPayload struct {
	ProjectID       string   `json:"project_id"`
	UserID          string   `json:"user_id"`
	FunctionID      string   `json:"function_id"`
	FunctionName    string   `json:"function_name"`
	FunctionVersion int      `json:"function_version"`
	ExecutionID     string   `json:"execution_id"`
	RequestID       string   `json:"request_id"`
	RuntimeID       *string  `json:"runtime_id"`
	Sync            bool     `json:"sync"`
	Status          string   `json:"status"`
	CPU             int      `json:"cpu"`         // millicores
	MemorySize      int64    `json:"memory_size"` // bytes
	Duration        *float64 `json:"duration"`    // seconds; null until it ended
	GBSeconds       *float64 `json:"gb_seconds"`  // duration × memory_size / 2^30; null until it ended
	CreatedAt       *string  `json:"created_at"`
	StartedAt       *string  `json:"started_at"`
	EndedAt         *string  `json:"ended_at"`
}

func (e *event) payload() any {
	f, x := e.function, e.execution
	if x == nil {
		p := functionPayload{
			ProjectID: f.ProjectID, UserID: e.userID, FunctionID: f.ID, Name: f.Name, RuntimeID: orNull(f.RuntimeID), CodeSource: string(f.Code.Source),
			PackageSize: f.Code.Size, CPU: f.CPU, MemorySize: f.MemorySize, Timeout: f.Timeout.Seconds(), CreatedAt: isoTime(f.CreatedAt), UpdatedAt: isoTime(f.UpdatedAt),
		}
		if e.kind == FunctionDelete {
			p.DeletedAt = isoTime(e.at)
		}
		return p
	}
	p := executionPayload{
		ProjectID: x.ProjectID, UserID: e.userID, FunctionID: x.FunctionID, FunctionName: f.Name, FunctionVersion: x.FunctionVersion, ExecutionID: x.ID,
		RequestID: e.requestID, RuntimeID: orNull(f.RuntimeID), Sync: x.Sync, Status: string(x.Status), CPU: f.CPU, MemorySize: f.MemorySize,
		CreatedAt: isoTime(x.CreatedAt), StartedAt: isoTime(x.StartedAt), EndedAt: isoTime(x.EndedAt),
	}
	if e.kind != ExecutionStart {
		duration := micro(e.took.Seconds())
		used := micro(duration * float64(f.MemorySize) / (1 << 30))
		p.Duration, p.GBSeconds = &duration, &used
	}
	return p
}

// micro rounds to six places.
func micro(v float64) float64 { return math.Round(v*1e6) / 1e6 }

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func isoTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format("2006-01-02T15:04:05.000000Z")
	return &text
}
