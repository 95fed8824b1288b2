package engine

import (
	"context"
	"sync/atomic"

	"github.com/openstack-faas/faas/internal/faas"
)

// lanes are the queues of asynchronous executions. Each is consumed further ahead than can be run, so that the gate has projects to choose from.
type lanes struct {
	depth  int // messages of a lane that are held here at a time
	inHand [faas.ExecutionLanes]atomic.Int32
}

// laneDepth is how many messages of each lane are held for each hand there is.
const laneDepth = 2

func (l *lanes) init(hands int) { l.depth = laneDepth * hands }

// handler counts what is held of a lane.
func (l *lanes) handler(lane int, handle func(ctx context.Context, body []byte) error) func(context.Context, []byte) error {
	return func(ctx context.Context, body []byte) error {
		l.inHand[lane].Add(1)
		defer l.inHand[lane].Add(-1)
		return handle(ctx, body)
	}
}

// backedUp tells whether the lane of a project may hold more messages than are held here. Between one message that is settled and the next that comes
// somewhat fewer than the most are.
func (l *lanes) backedUp(project string) bool {
	return int(l.inHand[faas.ExecutionLane(project)].Load()) >= max(l.depth/2, 1)
}
