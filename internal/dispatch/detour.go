package dispatch

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// firstDetour is the pause of a call after no gateway to its worker could be asked: a gateway's
	// place is taken by another within a second or two.
	firstDetour = 20 * time.Millisecond
	lastDetour  = 500 * time.Millisecond
	// longDetour is the pause from which on a call looks for a worker behind other gateways.
	longDetour = 8 * firstDetour
)

// detour is what a call has met of gateways that could not be asked. Such a call was not sent
// and is tried again for as long as it may wait.
type detour struct {
	pause time.Duration
	err   error // of the latest attempt, if it was a gateway's
}

// after pauses the call if the attempt has failed for want of a gateway. It reports false when the
// call's time, or its life, ends meanwhile.
func (d *detour) after(ctx, life context.Context, err error) bool {
	if d.err = nil; !GatewayAway(err) {
		return true
	}
	d.err, d.pause = err, min(max(2*d.pause, firstDetour), lastDetour)
	select {
	case <-time.After(d.pause):
		return true
	case <-ctx.Done():
	case <-life.Done():
	}
	return false
}

// long reports whether gateways have been away for longer than one takes to be replaced.
func (d *detour) long() bool { return d.pause >= longDetour }

// explain returns the error of a call that has waited in vain: that of the gateways, if the wait
// was for those.
func (d *detour) explain(err error) error {
	if d.err == nil {
		return err
	}
	return faas.Errorf(faas.Unavailable, "The gateway to the function's workers cannot be reached.").WithCause(d.err)
}
