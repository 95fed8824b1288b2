package agent

import (
	"context"

	"github.com/openstack-faas/faas/internal/proctree"
	"github.com/openstack-faas/faas/internal/supervision"
)

// processes are the runtime's processes: beneath this one (*proctree.Tree), or in another container
// beneath a supervisor that is asked over a socket (*supervisorClient). The methods may be called
// concurrently once Start has returned; each takes seconds at most.
type processes interface {
	// Start starts the root process. It calls ended once the root, or whatever holds it, has ended,
	// perhaps before it returns.
	Start(ctx context.Context, l supervision.Launch, ended func(error)) error
	// Bounded reports whether the kernel holds the runtime to its memory.
	Bounded() bool
	// OOMKills returns how many processes the kernel has killed for want of memory up to now.
	OOMKills() (int, error)
	// Footprint returns the bytes that the warm runtime takes before any of a function's code runs,
	// were all its slots there; 0 where that is not known.
	Footprint() int64
	// Hold bounds the runtime to so many bytes of memory until the kernel does, and reports whether
	// there is need. Kills of slots that take more count among OOMKills.
	Hold(bound int64) (bool, error)
	// Judge reports whether a slot's process has kept to that bound up to now.
	Judge(slot int) (proctree.Held, error)
	// Sweep ends a slot's process, 0 for none, with all that is beneath it, and what slots before
	// it have left behind.
	Sweep(slot int) error
	// End ends everything. It must be called once, whatever Start returned.
	End() error
}

var (
	_ processes = (*proctree.Tree)(nil)
	_ processes = (*supervisorClient)(nil)
)
