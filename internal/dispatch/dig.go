package dispatch

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/peer"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// dig connects to a worker through a gateway. Where that is to be by TLS, the gateway speaks it
// with the worker, and makes sure who that is.
func (p *pool) dig(ctx context.Context, w faas.Worker, to tunnel.Target, secured bool) (*conn, error) {
	leg := tunnel.LegPlain
	if secured {
		leg = tunnel.LegChecked
	}
	through, err := p.tunnel(ctx, to, leg)
	var stranger *tunnel.StrangerError
	if errors.As(err, &stranger) && p.secured.vouch != nil {
		if err = p.meet(ctx, w, to); err == nil {
			through, err = p.tunnel(ctx, to, leg)
		}
	}
	if err != nil && secured && p.mayDoWithout(w, err) {
		secured = false
		if errors.Is(err, tunnel.ErrLeg) {
			p.secured.note(w.ID, false) // or each connection would take three tunnels
		}
		through, err = p.tunnel(ctx, to, tunnel.LegPlain)
	}
	if err != nil {
		return nil, err
	}
	if secured {
		p.secured.note(w.ID, true)
	}
	c := p.newConn(through, w.Address)
	c.tunnel, c.checked = true, secured
	if secured {
		c.worker = w.ID
	}
	return c, nil
}

// mayDoWithout reports whether a worker is spoken to without TLS after this error of an attempt
// with it: its gateway is of the release before, or nobody could introduce it.
func (p *pool) mayDoWithout(w faas.Worker, err error) bool {
	var stranger *tunnel.StrangerError
	var unknown *unknownError
	known := errors.As(err, &stranger) || errors.As(err, &unknown) || errors.Is(err, tunnel.ErrLeg)
	return known && w.TLS == faas.TLSAccepted && !p.secured.met(w.ID)
}

// meet has a worker behind a gateway have a certificate, if it has none.
func (p *pool) meet(ctx context.Context, w faas.Worker, to tunnel.Target) error {
	through, err := p.tunnel(ctx, to, tunnel.LegPassed)
	if err != nil {
		return err
	}
	c := p.newConn(through, w.Address)
	defer c.Close()
	return p.secure(ctx, c, w)
}

func (p *pool) tunnel(ctx context.Context, to tunnel.Target, leg tunnel.Leg) (net.Conn, error) {
	if p.tunnels == nil {
		return nil, &tunnel.AwayError{Gateways: to.Gateways, Cause: errors.New("this process has no keys for gateways")}
	}
	through, err := p.tunnels.Dial(ctx, to, leg)
	if err != nil {
		return nil, err
	}
	if err := peer.NoticeDead(through); err != nil {
		through.Close()
		return nil, err
	}
	return through, nil
}

// dialPlain connects to a worker without TLS of the worker's own. patience bounds the attempt where
// no gateway is between.
func (p *pool) dialPlain(ctx context.Context, w faas.Worker, patience time.Duration) (net.Conn, error) {
	if to, through := tunnel.Parse(w.Address); through {
		return p.tunnel(ctx, to, tunnel.LegPlain)
	}
	return dialRaw(ctx, w.Address, patience)
}
