package orchestrator

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Images is implemented by an Orchestrator that also runs functions of container images. It is safe
// for concurrent use.
type Images interface {
	// RunImage runs a container to its end, or to the call's timeout, and returns what it printed
	// as output and log. However the container ends is an outcome; so is that its image cannot be
	// pulled or does not start. An error of kind Invalid, Busy or Unavailable says that nothing of
	// it ran; any other error, that it may have run. The end of ctx ends the container, and the
	// outcome is cancelled. The container is gone, or about to be, when RunImage returns.
	RunImage(ctx context.Context, call ImageCall) (faas.Outcome, error)

	// StartServer makes a worker with this id whose container is the target's own server, and
	// returns when it takes calls. An error of kind Unavailable is temporary; any other says, for
	// the function's owner, why the server did not come up. After an error there is no such worker,
	// except when ctx has ended: then the worker may still come up.
	StartServer(ctx context.Context, workerID string, target faas.Target) error

	// ForgetFunction removes what is kept to run the image of a function that was deleted.
	ForgetFunction(ctx context.Context, functionID string)
	// SweepUnused removes what is kept to pull images and has not been used for a while. It is called
	// every minute, by one engine of all.
	SweepUnused(ctx context.Context) error
}

// ImageCall is one call of a function whose protocol is faas.ProtocolRun.
type ImageCall struct {
	ExecutionID string
	Target      faas.Target
	Arguments   []string      // of the image's own entrypoint; nil leaves the image's own arguments
	Timeout     time.Duration // from the moment when the container runs
	Trace       string        // the traceparent of what the container does; "" when nothing is traced
}
