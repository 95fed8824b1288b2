package gateway

import (
	"io"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/tunnel"
)

// maxPassed bounds what is passed on in each direction, in bytes: an engine's handshake with a
// worker, what the worker is known by (16 KiB at most) and its certificate.
const maxPassed = 64 << 10

// passOn takes bytes both ways as they are, until either end closes or tunnel.PassedTime is over.
func (g *Gateway) passOn(caller, worker stream) {
	end := time.Now().Add(tunnel.PassedTime)
	_ = caller.SetDeadline(end)
	_ = worker.SetDeadline(end)
	var back sync.WaitGroup
	back.Go(func() { transfer(caller, worker) })
	transfer(worker, caller)
	back.Wait()
}

// transfer ends both connections at its end, and so what goes the other way.
func transfer(to, from stream) {
	_, _ = io.Copy(to.Conn, io.LimitReader(from.in, maxPassed))
	_ = beneath(to.Conn).Close()
	_ = beneath(from.Conn).Close()
}
