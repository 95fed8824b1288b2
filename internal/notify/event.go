package notify

import (
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The types of events.
const (
	FunctionCreate = "function.create"
	FunctionUpdate = "function.update"
	FunctionDelete = "function.delete"
	ExecutionStart = "execution.start"
	ExecutionEnd   = "execution.end"   // it ran: the function returned or failed, or was cancelled
	ExecutionError = "execution.error" // the service could not run it, or does not know how it ended
	// it was cancelled before it ran
	ExecutionCancel = "execution.cancel"
)

// The priorities, which are the ends of routing keys too.
const (
	priorityInfo  = "info"
	priorityError = "error"
)

// event is something that happened, as it waits in the outbox. There is one for each execution, so
// its names are short and what is zero is left out. Rows may wait that an older release has
// written: a name never changes its meaning.
type event struct {
	Kind      string `json:"k"`
	Publisher string `json:"p"`
	At        micros `json:"t"`
	UserID    string `json:"u,omitempty"`
	RequestID string `json:"r,omitempty"`
	ProjectID string `json:"j"`

	// Of the function, as it is when this happens.
	FunctionID string `json:"f"`
	Name       string `json:"n,omitempty"`
	RuntimeID  string `json:"rt,omitempty"`
	CPU        int    `json:"c,omitempty"` // millicores
	Memory     int64  `json:"m,omitempty"` // bytes
	Created    micros `json:"cr,omitempty"`

	// Of an event of a function.
	Source  string `json:"s,omitempty"`
	Size    int64  `json:"z,omitempty"`  // bytes of the package
	Timeout micros `json:"to,omitempty"` // a time span
	Updated micros `json:"up,omitempty"`

	// Of an event of an execution, whose Created then is.
	ExecutionID string `json:"x,omitempty"`
	Version     int    `json:"v,omitempty"`
	Sync        bool   `json:"sy,omitempty"`
	Status      string `json:"st,omitempty"`
	Started     micros `json:"sa,omitempty"`
	Ended       micros `json:"en,omitempty"`
	Took        micros `json:"d,omitempty"` // a time span: how long an execution that ended ran for
}

// micros is a time in microseconds since 1970 UTC, 0 for none, or a span of microseconds.
type micros int64

func microsOf(t time.Time) micros {
	if t.IsZero() {
		return 0
	}
	return micros(t.UnixMicro())
}

func (m micros) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

func (m micros) seconds() float64 { return float64(m) / 1e6 }

func (e *event) ofFunction(f faas.Function) {
	e.ProjectID, e.FunctionID, e.Name, e.RuntimeID = f.ProjectID, f.ID, f.Name, f.RuntimeID
	e.CPU, e.Memory = f.CPU, f.MemorySize
}

func (e *event) priority() string {
	if e.Kind == ExecutionError {
		return priorityError
	}
	return priorityInfo
}
