package faas

// The names under which API and engine reach each other through the broker, and what they say there.
const (
	MethodAcquire    = "worker.acquire"   // AcquireRequest → Worker
	MethodPool       = "runtime.pool"     // RuntimeRequest → Pool
	QueueExecutions  = "executions"       // the id of a queued execution, as text
	QueueRuntimes    = "runtimes"         // RuntimeRequest: bring the runtime to what its row says
	TopicFunction    = "function.changed" // FunctionChanged: workers of its older revisions are to end
	TopicWorkersGone = "workers.gone"     // WorkersGone
)

// AcquireRequest asks for one more worker for a target.
type AcquireRequest struct {
	Target Target   `json:"target"`
	Known  []string `json:"known"` // ids of workers that the caller has already
}

// RuntimeRequest names a runtime.
type RuntimeRequest struct {
	RuntimeID string `json:"runtime_id"`
}

// FunctionChanged tells that a function has a new revision, or that it is no more when Revision is 0.
type FunctionChanged struct {
	FunctionID string `json:"function_id"`
	Revision   int64  `json:"revision"`
}

// WorkersGone names workers that ended.
type WorkersGone struct {
	IDs []string `json:"ids"`
}
