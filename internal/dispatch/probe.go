package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
)

const (
	// probeDial is how long a connection attempt of a probe may take. The kernel of a worker's node
	// answers it, however busy the processes there are: only a node or a network that is dead does
	// not.
	probeDial = time.Second
	// probeAnswer is how long an agent may then take to answer. On a node that is short of CPU it
	// may take a while.
	probeAnswer = 3 * time.Second
)

// Probe checks over a new connection whether a worker answers at all. A refusal is an answer too.
// An error says that there was none within four seconds, seven by TLS, twelve through a gateway, or
// that nobody listens at the worker's address; or, see GatewayAway, that the worker could not be
// asked.
func (c *Client) Probe(ctx context.Context, w faas.Worker) error {
	patience := probeDial
	switch _, through := tunnel.Parse(w.Address); {
	case through:
		patience = tunnel.Timeout // the gateway's own attempt is shorter
	case w.TLS != faas.TLSNever:
		patience += probeAnswer // for the handshake, which the agent answers; connecting has probeDial
	}
	connecting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := c.conns.dial(connecting, w, probeDial)
	if err != nil {
		return &UnreachableError{Worker: w.ID, Cause: err}
	}
	defer conn.Close()
	conn.worker, conn.token = w.ID, c.token(w.ID)
	answer, err := conn.roundTrip(request{method: "GET", path: "/v1/status", timeout: probeAnswer})
	if err != nil {
		return fmt.Errorf("worker %s: %w", w.ID, err)
	}
	var refused *RefusedError
	if err := decode(answer.status, answer.body, nil); err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("worker %s: %w", w.ID, err) // it is no agent that answers
	}
	return nil
}
