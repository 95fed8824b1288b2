package asyncrun

import (
	"context"
	"sync/atomic"

	"github.com/openstack-faas/faas/internal/faas"
)

// lanes are the queues of asynchronous executions. Each is consumed further ahead than can be run,
// so that there are projects to choose from.
type lanes struct {
	depth  int // messages of a lane that are held here at a time
	inHand [faas.ExecutionLanes]atomic.Int32
}

// laneDepth is how many messages of each lane are held for each execution that may be in hand.
const laneDepth = 2

// Depth returns how many messages of a lane are to be handled at a time.
func (r *Runner) Depth() int { return r.lanes.depth }

// Handler returns what handles the messages of a lane. It counts those that are held.
func (r *Runner) Handler(lane int) func(ctx context.Context, message []byte) error {
	return func(ctx context.Context, message []byte) error {
		r.lanes.inHand[lane].Add(1)
		defer r.lanes.inHand[lane].Add(-1)
		return r.run(ctx, string(message))
	}
}

// backedUp reports whether the lane of a project may hold more messages than are held here. Between
// one message that is settled and the next that comes somewhat fewer than the most are held.
func (l *lanes) backedUp(project string) bool {
	return int(l.inHand[faas.ExecutionLane(project)].Load()) >= max(l.depth/2, 1)
}
