package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
)

// Client speaks HTTP with the agents of workers, a method for each request that they answer. It is
// safe for concurrent use.
type Client struct {
	token func(workerID string) string
	admit func(ctx context.Context, bytes int64) error // nil: any answer is read at once
	conns pool
}

// Admit has the client ask before it reads the answer to a call, of so many bytes, and wait for as
// long as the function does; an error is that of the call, which has run. The context is that of
// Call. It must be called before any other method, if at all.
func (c *Client) Admit(admit func(ctx context.Context, bytes int64) error) { c.admit = admit }

// NewClient makes a client that authenticates to each worker with the token that the function
// returns for it.
func NewClient(token func(workerID string) string) *Client {
	return &Client{token: token}
}

// Through has the client reach workers that are behind gateways. It must be called before any other
// method, if at all.
func (c *Client) Through(gateways *tunnel.Dialer) { c.conns.tunnels = gateways }

// Dial has the client connect to workers by the function, for tests of many workers: they need no
// network then. It must be called before any other method, if at all.
func (c *Client) Dial(by func(ctx context.Context, address string) (net.Conn, error)) {
	c.conns.by = by
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.conns.close() }

// Connect has a connection to the worker be there for a request to come, if none is. Connections by
// gateways are left to requests: they do not stay.
func (c *Client) Connect(ctx context.Context, w faas.Worker) error {
	if _, through := tunnel.Parse(w.Address); through || c.conns.by != nil || c.conns.hasIdle(w.Address) {
		return nil
	}
	conn, err := c.conns.dial(ctx, w, dialTimeout)
	if err != nil {
		return &UnreachableError{Worker: w.ID, Cause: err}
	}
	c.conns.put(conn)
	return nil
}

// Forget closes the idle connections to a worker, one that is gone say.
func (c *Client) Forget(w faas.Worker) { c.conns.forget(w.Address) }

// RefusedError is an agent's refusal: nothing of what was asked has begun, so it may be asked of
// another.
type RefusedError struct {
	Refused string `json:"refused"` // one of faas.Refused…
	Message string `json:"message"`
}

// Error returns the refusal and the agent's words for it.
func (e *RefusedError) Error() string {
	return "the worker refused: " + e.Refused + " " + e.Message
}

// answerGrace is how much longer than a call's own timeout its answer is waited for: the agent lets
// the function load before that begins, stops the call at its timeout and needs a moment to kill it
// and to collect its log.
const answerGrace = faas.LoadTimeout + 10*time.Second

// Call runs a call and returns its outcome. Refusals are *RefusedError; *UnreachableError says that
// the call was never sent; every other error means that the call may have started.
func (c *Client) Call(ctx context.Context, w faas.Worker, call faas.Call) (faas.Outcome, error) {
	var out faas.Outcome
	req := request{method: "POST", path: callPath, head: encodeCall(call), timeout: call.Timeout + answerGrace}
	if c.admit != nil {
		req.admit = func(bytes int64) error { return c.admit(ctx, bytes) }
	}
	err := c.do(ctx, w, req, &out)
	return out, err
}

// Specialise makes a generic worker a function's own and returns how it is then. The package's
// bytes are those that s names. It goes over a connection on which the worker has just answered, or
// a new one: an old one would take the request and have it wait where the worker's node is dead.
func (c *Client) Specialise(
	ctx context.Context, w faas.Worker, s faas.Specialisation, zip []byte,
) (faas.WorkerStatus, error) {
	head, err := json.Marshal(s)
	if err != nil {
		return faas.WorkerStatus{}, fmt.Errorf("encode specialisation: %w", err)
	}
	c.checkIdle(w)
	var status faas.WorkerStatus
	err = c.do(
		ctx, w,
		request{method: "POST", path: "/v1/specialise", head: append(head, '\n'), body: zip, timeout: time.Minute},
		&status,
	)
	return status, err
}

// idleAnswer is how long an agent may take to answer on an idle connection before a new one is
// tried. It is short, for a node that is dead to be noticed little later than by a new one at once.
const idleAnswer = dialTimeout / 8

// checkIdle leaves at most one idle connection to a worker, on which its agent has just answered:
// that takes a tenth of what a new one by TLS does.
func (c *Client) checkIdle(w faas.Worker) {
	idle := c.conns.pop(w.Address)
	c.conns.forget(w.Address)
	if idle == nil {
		return
	}
	if idle.fits(w) && idle.alive() {
		answer, err := idle.roundTrip(request{method: "GET", path: readyPath, timeout: idleAnswer})
		if err == nil && answer.status == http.StatusOK && !answer.last {
			c.conns.put(idle)
			return
		}
	}
	idle.Close()
}

// Status returns the status that a worker reports.
func (c *Client) Status(ctx context.Context, w faas.Worker) (faas.WorkerStatus, error) {
	var status faas.WorkerStatus
	err := c.do(ctx, w, request{method: "GET", path: "/v1/status", timeout: 5 * time.Second}, &status)
	return status, err
}

// Contents returns what a worker's runtime has for functions.
func (c *Client) Contents(ctx context.Context, w faas.Worker) (faas.Contents, error) {
	var contents faas.Contents
	err := c.do(ctx, w, request{method: "GET", path: "/v1/runtime", timeout: 5 * time.Second}, &contents)
	return contents, err
}

// Drain lets a worker take no more calls if none runs and the last ended at least idle ago; else it
// refuses, busy.
func (c *Client) Drain(ctx context.Context, w faas.Worker, idle time.Duration) error {
	path := "/v1/drain?idle_for=" + strconv.FormatInt(idle.Milliseconds(), 10) + "ms"
	return c.do(ctx, w, request{method: "POST", path: path, timeout: 5 * time.Second}, nil)
}

// do sends one request on a connection of the worker's own and decodes the answer into reply. A
// gateway that is stopping is left for another.
func (c *Client) do(ctx context.Context, w faas.Worker, req request, reply any) error {
	for range maxDraining {
		err := c.once(ctx, w, req, reply)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Refused != tunnel.RefusedDraining {
			return err
		}
	}
	return &UnreachableError{Worker: w.ID, Cause: &tunnel.AwayError{
		Gateways: []string{w.Address}, Cause: errors.New("each connection leads to one that is stopping"),
	}}
}

// maxDraining bounds the tunnels of one request whose gateways are stopping: all that were idle may
// be such.
const maxDraining = maxIdlePerWorker + 4

func (c *Client) once(ctx context.Context, w faas.Worker, req request, reply any) error {
	conn, err := c.conns.get(ctx, w)
	if err != nil {
		return &UnreachableError{Worker: w.ID, Cause: err}
	}
	if conn.worker != w.ID || conn.token == "" {
		conn.worker, conn.token = w.ID, c.token(w.ID) // it may take a signature
	}
	answer, err := conn.roundTrip(req)
	if err != nil {
		conn.Close()
		return fmt.Errorf("worker %s: %w", w.ID, err)
	}
	if answer.last {
		conn.Close()
	} else {
		c.conns.put(conn)
	}
	return decode(answer.status, answer.body, reply)
}

func decode(status int, body []byte, reply any) error {
	if status == http.StatusOK {
		if reply == nil {
			return nil
		}
		var err error
		if outcome, ok := reply.(*faas.Outcome); ok {
			err = decodeOutcome(body, outcome)
		} else {
			err = json.Unmarshal(body, reply)
		}
		if err != nil {
			return fmt.Errorf("decode answer: %w", err)
		}
		return nil
	}
	var refused RefusedError
	if err := json.Unmarshal(body, &refused); err != nil || refused.Refused == "" {
		return fmt.Errorf("the worker answered with status %d", status)
	}
	return &refused
}
