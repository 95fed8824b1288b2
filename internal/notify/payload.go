package notify

import (
	"math"
	"time"
)

// functionPayload and executionPayload are flat, so that the meters and events of Ceilometer can be
// defined by the names of fields. Their fields are documented in docs/admin/notifications.md; times
// are ISO 8601 in UTC.
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
	if e.ExecutionID == "" {
		return e.functionPayload()
	}
	return e.executionPayload()
}

func (e *event) functionPayload() functionPayload {
	p := functionPayload{
		ProjectID: e.ProjectID, UserID: e.UserID, FunctionID: e.FunctionID, Name: e.Name, RuntimeID: orNull(e.RuntimeID),
		CodeSource: e.Source, PackageSize: e.Size, CPU: e.CPU, MemorySize: e.Memory, Timeout: e.Timeout.seconds(),
		CreatedAt: isoTime(e.Created.time()), UpdatedAt: isoTime(e.Updated.time()),
	}
	if e.Kind == FunctionDelete {
		p.DeletedAt = isoTime(e.At.time())
	}
	return p
}

func (e *event) executionPayload() executionPayload {
	p := executionPayload{
		ProjectID: e.ProjectID, UserID: e.UserID, FunctionID: e.FunctionID, FunctionName: e.Name, FunctionVersion: e.Version,
		ExecutionID: e.ExecutionID, RequestID: e.RequestID, RuntimeID: orNull(e.RuntimeID), Sync: e.Sync, Status: e.Status,
		CPU: e.CPU, MemorySize: e.Memory, CreatedAt: isoTime(e.Created.time()), StartedAt: isoTime(e.Started.time()),
		EndedAt: isoTime(e.Ended.time()),
	}
	if e.Kind != ExecutionStart {
		duration := e.Took.seconds()
		used := sixPlaces(duration * float64(e.Memory) / (1 << 30))
		p.Duration, p.GBSeconds = &duration, &used
	}
	return p
}

// sixPlaces rounds to six decimal places.
func sixPlaces(v float64) float64 { return math.Round(v*1e6) / 1e6 }

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
