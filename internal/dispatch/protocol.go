package dispatch

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// Call runs one call of a target and returns its outcome, as Dispatcher.Call does: begin is called
// once, just before the call is first sent, and the call is not sent when begin fails.
type Call func(ctx context.Context, target faas.Target, call faas.Call, begin Begin) (faas.Outcome, error)

// ByProtocol returns a Call that runs each call where its target's code runs: in a container of its
// own when the protocol is faas.ProtocolRun, otherwise on a worker. API and engine both call
// through it, so that a new protocol is added here and nowhere else.
func ByProtocol(worker, container Call) Call {
	return func(ctx context.Context, target faas.Target, call faas.Call, begin Begin) (faas.Outcome, error) {
		if target.Protocol == faas.ProtocolRun {
			return container(ctx, target, call, begin)
		}
		return worker(ctx, target, call, begin)
	}
}
