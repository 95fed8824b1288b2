package engine

import "github.com/openstack-faas/faas/internal/orchestrator"

// noNode returns what says why workers of a runtime can be on no node: nothing ever, where workers
// need none.
func noNode(o orchestrator.Orchestrator) func(runtimeID string) string {
	if seeker, seeks := o.(orchestrator.NodeSeeker); seeks {
		return seeker.NoNode
	}
	return func(string) string { return "" }
}
