package agent

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// place is where a runtime's processes live: beneath this process (children), or in another container beneath a supervisor that
// is asked over a socket (supervised). Its methods may be called concurrently once start has returned; each takes seconds at most.
type place interface {
	// start starts the root process. It calls ended once the root, or the place itself, is no more, perhaps before it returns.
	start(ctx context.Context, l launch, ended func(error)) error
	// bounded reports whether the kernel holds the runtime to its memory.
	bounded() bool
	// oomKills gives how many processes the kernel has killed for want of memory up to now.
	oomKills() (int, error)
	// footprint gives the bytes that the warm runtime takes before any of a function's code runs, were all its slots there;
	// 0 when that is not known.
	footprint() int64
	// sweep ends a slot's process, 0 for none, with all that is beneath it, and what slots before it have left behind: see leftovers.
	sweep(slot int) error
	// end ends everything and frees what the place holds. It must be called once, whatever start came to.
	end() error
}

// launch says how the root process is to be started, to whoever starts it.
type launch struct {
	Socket  string             `json:"socket"` // of the agent, for the runtime's connections
	HomeDir string             `json:"home"`   // HOME and TMPDIR
	Slots   int                `json:"slots"`
	Limits  faas.ProcessLimits `json:"limits"`
}

// killPatience bounds how long processes that were killed may take to die.
const killPatience = 5 * time.Second
