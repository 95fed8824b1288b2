package faas

import (
	"fmt"
	"time"
)

// The names under which API and engine reach each other through the broker, and what they say
// there.
const (
	MethodAcquire    = "worker.acquire"   // AcquireRequest → Worker; served by shard only, see AcquireRequest.Method
	MethodPool       = "runtime.pool"     // RuntimeRequest → Pool
	MethodRunImage   = "image.run"        // RunImageRequest → RunImageAnswer; every engine serves it
	QueueRuntimes    = "runtimes"         // RuntimeRequest: bring the runtime to what its row says
	TopicFunction    = "function.changed" // FunctionChanged: workers of its older revisions are to end
	TopicWorkersGone = "workers.gone"     // WorkersGone
	TopicCallsSummed = "calls.summed"     // CallsSummed
	TopicWorkAdded   = "work.added"       // WorkAdded: the owner of the shard is to look at what is due
	TopicTrigger     = "trigger.changed"  // TriggerChanged: who remembers triggers is to read it again
	TopicCancelled   = "calls.cancelled"  // Cancellation: whoever runs the call is to end it
)

// WorkLook is the time between two looks of engines for work that is due. Work that was added to be
// done sooner is to be announced, or it is done as much later.
const WorkLook = 5 * time.Second

// WorkAdded names work that is due sooner than WorkLook.
type WorkAdded struct {
	Ref string `json:"ref"`
}

// TriggerChanged names a trigger that was made, changed or deleted.
type TriggerChanged struct {
	ID string `json:"id"`
}

// AcquireRequest requests one more worker for a target, and says how much of the function its
// caller sees.
type AcquireRequest struct {
	Target Target   `json:"target"`
	Known  []string `json:"known"` // ids of workers that the caller has already, or has found to be of no use a moment ago
	// Silent are those of the known that did not answer the caller a moment ago. The owner probes
	// them.
	Silent  []string      `json:"silent,omitempty"`
	Caller  string        `json:"caller"`  // who asks, unique among those who do
	Waiting int           `json:"waiting"` // the caller's calls of the target that wait for a slot
	Running int           `json:"running"` // those that have one
	Waited  time.Duration `json:"waited"`  // how long the first of those that wait has waited
}

// Method returns the method that the owner of the function's shard serves.
func (r AcquireRequest) Method(n Sharding) string {
	return MethodAcquireIn(n.Of(r.Target.Key.FunctionID))
}

// ExecutionLanes is how many queues asynchronous executions are divided between, by their project:
// a long queue of one project then stands in the way of an eighth of the others, not of all.
const ExecutionLanes = 8

// ExecutionLane returns the lane of a project's asynchronous executions, from 0 to
// ExecutionLanes-1.
func ExecutionLane(projectID string) int { return hash(projectID, ExecutionLanes) }

// ExecutionsQueue names the queue of a project's asynchronous executions. Its messages are ids of
// queued executions, as text.
func ExecutionsQueue(projectID string) string { return ExecutionsQueueOf(ExecutionLane(projectID)) }

// ExecutionsQueueOf names the queue of a lane.
func ExecutionsQueueOf(lane int) string { return fmt.Sprintf("executions.%d", lane) }

// RuntimeRequest names a runtime.
type RuntimeRequest struct {
	RuntimeID string `json:"runtime_id"`
}

// FunctionChanged says what of a function is not to be run any more: with a Version, that frozen
// version, which was deleted; with a Revision, the revisions of the live code before it; with
// neither, all of it, for the function was deleted.
type FunctionChanged struct {
	FunctionID string `json:"function_id"`
	Version    int    `json:"version,omitempty"`
	Revision   int64  `json:"revision"`
	// Private says of a function that was deleted that the orchestrator may keep secrets for its
	// containers.
	Private bool `json:"private,omitempty"`
}

// Ends reports whether workers of the key are to end.
func (c FunctionChanged) Ends(key Key) bool {
	switch {
	case key.FunctionID != c.FunctionID:
		return false
	case c.Version != 0:
		return key.Version == c.Version
	case c.Revision != 0:
		return key.Version == 0 && key.Revision < c.Revision
	}
	return true
}

// Deleted reports whether the function was deleted.
func (c FunctionChanged) Deleted() bool { return c.Version == 0 && c.Revision == 0 }

// Cancellation names an execution whose call is to end: its record says already that it was
// cancelled. A worker is asked with it, too.
type Cancellation struct {
	ExecutionID string `json:"execution_id"`
}

// WorkersGone names workers that ended.
type WorkersGone struct {
	IDs []string `json:"ids"`
}

// TopicWorkersAwaited returns the topic of WorkersAwaited that the owner of a shard of runtimes hears.
func TopicWorkersAwaited(shard int) string { return fmt.Sprintf("workers.awaited.%d", shard) }

// WorkersAwaited says how many more workers of a runtime are wanted by requests that wait with an
// engine; or, of no engine, how many functions were made a moment ago that are about to be called.
type WorkersAwaited struct {
	Engine    string `json:"engine"`
	RuntimeID string `json:"runtime_id"`
	Waiting   int    `json:"waiting"`
	Made      int    `json:"made,omitempty"`
}

// TopicCallsCounted returns the topic of CallsCounted that the owner of a shard of projects hears.
func TopicCallsCounted(shard int) string { return fmt.Sprintf("calls.counted.%d", shard) }

// CallsCounted says how many executions a process runs, by project, how many were asked of it since
// it said so last, and the memory of workers. A project that is not named has not changed, or has
// none.
type CallsCounted struct {
	Process  string               `json:"process"`
	Projects map[string]CallCount `json:"projects"`
}

// CallsSummed says what all processes together have, by project; Asked is since it was said last.
// The sums of projects that are not named have not changed.
type CallsSummed struct {
	Projects map[string]CallCount `json:"projects"`
}

// CallCount is one project's part.
type CallCount struct {
	Running int64 `json:"running,omitempty"`
	Asked   int64 `json:"asked,omitempty"`
	Memory  int64 `json:"memory,omitempty"` // bytes, of the workers that an engine counts
}
