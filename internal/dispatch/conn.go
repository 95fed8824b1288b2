package dispatch

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
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
	timeout      time.Duration           // how long the answer may take
	admit        func(bytes int64) error // is asked before the answer's body is read; nil: nobody is
}

// conn is one connection to one agent, used by one request at a time.
type conn struct {
	net.Conn
	address string
	worker  string // whose token it bears
	token   string
	bounded *io.LimitedReader // what the reader reads from, as far as the request allows
	limits  faas.ProcessLimits
	reader  *bufio.Reader
	out     []byte // reused from request to request
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
	defer c.watchPeer(req)()
	if err := c.send(req); err != nil {
		return answered{}, fmt.Errorf("send request: %w", err)
	}
	c.bounded.N = maxAnswer(req.path, c.limits)
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return answered{}, c.failed("await", err)
	}
	defer resp.Body.Close()
	if req.admit != nil {
		size := resp.ContentLength
		if size < 0 {
			size = maxAnswer(req.path, c.limits)
		}
		if err := req.admit(size); err != nil {
			return answered{}, &UnreadError{err}
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{}, c.failed("read", err)
	}
	return answered{status: resp.StatusCode, body: body, last: resp.Close}, nil
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
	c.out = fmt.Appendf(
		c.out[:0], "%s %s HTTP/1.1\r\nHost: worker\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n",
		req.method, req.path, c.token, len(req.head)+len(req.body),
	)
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
	limits faas.ProcessLimits // of the workers' calls; a zero field: its default

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
func (p *pool) get(ctx context.Context, address string) (*conn, error) {
	for {
		c := p.pop(address)
		if c == nil {
			return dial(ctx, address, p.limits)
		}
		if c.alive() {
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

func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[c.address]) >= maxIdlePerWorker {
		c.Close()
		return
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

// dial connects to "unix:/path" or "tcp:host:port".
func dial(ctx context.Context, address string, limits faas.ProcessLimits) (*conn, error) {
	network, where, ok := strings.Cut(address, ":")
	if !ok {
		return nil, fmt.Errorf("address %q is neither unix:/path nor tcp:host:port", address)
	}
	d := net.Dialer{Timeout: dialTimeout}
	c, err := d.DialContext(ctx, network, where)
	if err != nil {
		return nil, err
	}
	if err := noticeDeadPeers(c); err != nil {
		c.Close()
		return nil, err
	}
	bounded := &io.LimitedReader{R: c}
	return &conn{Conn: c, address: address, bounded: bounded, limits: limits, reader: bufio.NewReader(bounded)}, nil
}
