package dispatch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/peer"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// The connection to an agent is our own, thin one rather than http.Transport's, for two reasons: it
// knows for sure whether a request was sent at all, on which the promise rests that no call runs
// twice; and a call costs no goroutine switches.

// UnreachableError says that a worker could not be asked at all: nothing was sent.
type UnreachableError struct {
	Worker string
	Cause  error
}

// Error names the worker.
func (e *UnreachableError) Error() string {
	return "worker " + e.Worker + " is out of reach: " + e.Cause.Error()
}

// Unwrap returns the error of the network.
func (e *UnreachableError) Unwrap() error { return e.Cause }

// GatewayAway reports whether the error, of an attempt to ask a worker, is that no gateway to the
// worker could be asked. It says nothing of the worker itself.
func GatewayAway(err error) bool {
	var away *tunnel.AwayError
	return errors.As(err, &away)
}

// UnreadError says that a call has run and that its answer was not read, because Client.Admit did
// not allow it.
type UnreadError struct{ Cause error }

// Error says why.
func (e *UnreadError) Error() string { return "the answer was not read: " + e.Cause.Error() }

// Unwrap returns Admit's error.
func (e *UnreadError) Unwrap() error { return e.Cause }

// request is one HTTP request; its body is head and body together.
type request struct {
	method, path string
	head, body   []byte
	// authorization is sent in place of the worker's token; "": the token is
	authorization string
	timeout       time.Duration           // how long the answer may take
	admit         func(bytes int64) error // is asked before the answer's body is read; nil: nobody is
}

// conn is one connection to one agent, used by one request at a time.
type conn struct {
	net.Conn
	address string
	tunnel  bool   // it leads through a gateway
	checked bool   // by TLS, and it is known who is at its other end
	worker  string // whose token it bears, and who is at its other end where that is known
	token   string
	bounded *io.LimitedReader // what the reader reads from, as far as the request allows
	limits  faas.ProcessLimits
	reader  *bufio.Reader
	out     []byte    // reused from request to request
	rested  time.Time // when it became idle; of a tunnel only
}

// answered is an agent's answer to one request.
type answered struct {
	status int
	body   []byte
	last   bool // the agent closes the connection
}

// roundTrip sends the request and reads the answer. Any error may mean that the request was
// received.
func (c *conn) roundTrip(req request) (answered, error) {
	if err := c.SetDeadline(time.Now().Add(req.timeout)); err != nil {
		return answered{}, fmt.Errorf("set deadline: %w", err)
	}
	defer peer.Watch(c.Conn, len(req.body) > 0)()
	if err := c.send(req); err != nil {
		return answered{}, fmt.Errorf("send request: %w", err)
	}
	c.bounded.N = maxAnswer(req.path, c.limits)
	return c.readAnswer(req)
}

// failed makes the error for an answer that did not come to its end. An agent is bound to less than
// any bound here, but who answers may be another.
func (c *conn) failed(what string, err error) error {
	if c.bounded.N <= 0 {
		return fmt.Errorf("%s answer: it is larger than any that an agent gives", what)
	}
	return fmt.Errorf("%s answer: %w", what, err)
}

func (c *conn) send(req request) error {
	c.out = append(append(append(append(c.out[:0], req.method...), ' '), req.path...), " HTTP/1.1\r\nHost: worker\r\n"...)
	if req.authorization != "" {
		c.out = append(append(c.out, "Authorization: "...), req.authorization...)
	} else {
		c.out = append(append(c.out, "Authorization: Bearer "...), c.token...)
	}
	c.out = append(c.out, "\r\nContent-Length: "...)
	c.out = append(strconv.AppendInt(c.out, int64(len(req.head)+len(req.body)), 10), "\r\n\r\n"...)
	c.out = append(c.out, req.head...)
	_, err := c.Write(c.out)
	if cap(c.out) > keptBuffer { // an idle connection does not keep what a large input took
		c.out = nil
	}
	if err == nil && len(req.body) > 0 {
		_, err = c.Write(req.body)
	}
	return err
}

// keptBuffer is how many bytes a connection keeps from request to request.
const keptBuffer = 64 << 10

// pool keeps idle connections by address. Its zero value is ready to use.
type pool struct {
	limits  faas.ProcessLimits                                          // of the workers' calls; a zero field: its default
	by      func(ctx context.Context, address string) (net.Conn, error) // nil: over the network
	tunnels *tunnel.Dialer                                              // to workers behind gateways; nil: there are none
	secured secured

	mu     sync.Mutex
	idle   map[string][]*conn
	closed bool
}

// maxIdlePerWorker bounds what one worker's connections may hold open; a worker has a few slots.
const maxIdlePerWorker = 16

// dialTimeout bounds how long an unanswered connection attempt keeps a caller from trying another
// worker.
const dialTimeout = 2 * time.Second

// get returns an idle connection that its agent has not closed, or a new one.
func (p *pool) get(ctx context.Context, w faas.Worker) (*conn, error) {
	for {
		c := p.pop(w.Address)
		if c == nil {
			return p.dial(ctx, w, dialTimeout)
		}
		if c.fits(w) && c.alive() {
			return c, nil
		}
		c.Close()
	}
}

func (p *pool) pop(address string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	stack := p.idle[address]
	if len(stack) == 0 {
		return nil
	}
	c := stack[len(stack)-1]
	p.idle[address] = stack[:len(stack)-1]
	return c
}

// hasIdle reports whether there is an idle connection to a worker.
func (p *pool) hasIdle(address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle[address]) > 0
}

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[c.address]) >= maxIdlePerWorker {
		c.Close()
		return
	}
	if c.tunnel {
		c.rested = time.Now()
	}
	if p.idle == nil {
		p.idle = map[string][]*conn{}
	}
	p.idle[c.address] = append(p.idle[c.address], c)
}

func (p *pool) forget(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle[address] {
		c.Close()
	}
	delete(p.idle, address)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for address, stack := range p.idle {
		for _, c := range stack {
			c.Close()
		}
		delete(p.idle, address)
	}
}

// dial connects to a worker, at "unix:/path", at "tcp:host:port", or through a gateway (see
// tunnel.Target). patience bounds what a worker's kernel or a gateway answers.
func (p *pool) dial(ctx context.Context, w faas.Worker, patience time.Duration) (*conn, error) {
	if p.by != nil {
		c, err := p.by(ctx, w.Address)
		if err != nil {
			return nil, err
		}
		return p.newConn(c, w.Address), nil
	}
	secured, err := p.needsTLS(ctx, w, patience)
	if err != nil {
		return nil, err
	}
	if to, through := tunnel.Parse(w.Address); through {
		return p.dig(ctx, w, to, secured)
	}
	raw, err := dialRaw(ctx, w.Address, patience)
	if err != nil {
		return nil, err
	}
	c := p.newConn(raw, w.Address)
	if !secured {
		return c, nil
	}
	err = p.secure(ctx, c, w)
	if err == nil {
		return c, nil
	}
	c.Close()
	var unknown *unknownError
	if w.TLS != faas.TLSAccepted || !errors.As(err, &unknown) || p.secured.met(w.ID) {
		return nil, err
	}
	// An engine of the release before has introduced it to nobody, or none may.
	if raw, err = dialRaw(ctx, w.Address, patience); err != nil {
		return nil, err
	}
	return p.newConn(raw, w.Address), nil
}

func (p *pool) newConn(c net.Conn, address string) *conn {
	bounded := &io.LimitedReader{R: c}
	return &conn{Conn: c, address: address, bounded: bounded, limits: p.limits, reader: bufio.NewReader(bounded)}
}

// splitAddress splits "unix:/path" or "tcp:host:port".
func splitAddress(address string) (network, where string, err error) {
	network, where, ok := strings.Cut(address, ":")
	if !ok {
		return "", "", fmt.Errorf("address %q is neither unix:/path nor tcp:host:port", address)
	}
	return network, where, nil
}
