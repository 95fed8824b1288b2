package faas

import "fmt"

// MethodWorkersIn returns the name of the method, of WorkersRequest → WorkersAnswer, that the owner of
// a shard serves: what administrators see and change of functions' workers.
func MethodWorkersIn(shard int) string { return fmt.Sprintf("worker.manage.%d", shard) }

// WorkersAction is what is to be done with a function's workers.
type WorkersAction string

// The actions.
const (
	WorkersList      WorkersAction = "list"       // those of all versions
	WorkersScaleUp   WorkersAction = "scale_up"   // Count more of the version
	WorkersScaleDown WorkersAction = "scale_down" // Count fewer of the version, one at least stays
	WorkersDetach    WorkersAction = "detach"     // none of the version: each ends with its calls
)

// WorkersRequest asks for an action.
type WorkersRequest struct {
	FunctionID string        `json:"function_id"`
	Version    int           `json:"version"` // 0 is the live code
	Action     WorkersAction `json:"action"`
	Count      int           `json:"count,omitempty"`
}

// Method returns the method that the owner of the function's shard serves.
func (r WorkersRequest) Method(n Sharding) string { return MethodWorkersIn(n.Of(r.FunctionID)) }

// WorkersAnswer answers a list, and has nothing for the other actions.
type WorkersAnswer struct {
	Workers []Worker `json:"workers,omitempty"`
}
