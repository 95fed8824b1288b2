package orchestrator

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Images is what an Orchestrator also is that runs functions of container images. It is safe for concurrent use.
type Images interface {
	// RunImage runs a container to its end, or to the call's timeout, and gives what it printed as output and log. However the
	// container ends is an outcome; so is that its image cannot be had or does not start. An error of kind Invalid, Busy or Unavailable says that nothing
	// of it ran; any other, that it may have run. The container is gone, or about to be, when RunImage returns.
	RunImage(ctx context.Context, call ImageCall) (faas.Outcome, error)

	// StartServer makes a worker of the id, whose container is the target's own server, and returns when it takes calls. An error of kind
	// Unavailable may pass; any other says, for the function's owner, why it did not come up. After an error there is no such worker. When ctx ends before
	// that the worker goes on coming up.
	StartServer(ctx context.Context, workerID string, target faas.Target) error
}

// ImageCall is one call of a function whose protocol is faas.ProtocolRun.
type ImageCall struct {
	ExecutionID string
	Target      faas.Target
	Arguments   []string      // of the image's own entrypoint; nil leaves the image's own arguments
	Timeout     time.Duration // from the moment when the container runs
}
