package dispatch

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/netio"
	"github.com/openstack-faas/faas/internal/peer"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
	"github.com/openstack-faas/faas/pkg/lru"
)

// Secure has the client speak TLS with the workers whose agents do. Workers that have no
// certificate yet are given one where vouch says who they are; nil: they are left to others. It
// must be called before any other method, if at all.
func (c *Client) Secure(by *workertls.Authority, vouch workertls.Vouch) {
	c.conns.secured = secured{authority: by, vouch: vouch, spoken: lru.New[string, bool](maxSpoken)}
}

// Resolved returns the worker as others are to be told of it by whoever has spoken with it: what
// was found out of its TLS is no question for them.
func (c *Client) Resolved(w faas.Worker) faas.Worker {
	if w.TLS != faas.TLSAccepted || c.conns.secured.authority == nil {
		return w
	}
	if speaks, known := c.conns.secured.known(w.ID); known {
		if w.TLS = faas.TLSNever; speaks {
			w.TLS = faas.TLSRequired
		}
	}
	return w
}

// Introduce has the worker have a certificate by which others know it, if its agent speaks TLS and
// this client has not met it yet.
func (c *Client) Introduce(ctx context.Context, w faas.Worker) error {
	if w.TLS == faas.TLSNever || c.conns.secured.authority == nil {
		return nil
	}
	if _, known := c.conns.secured.known(w.ID); known {
		return nil
	}
	_, err := c.Status(ctx, w)
	return err
}

// Certify has the worker have a certificate by which others know it, if its agent speaks TLS,
// whether or not this client has met it before: its agent may have been started again. The error is
// workertls.ErrNoVouching where nobody can say who the worker is.
func (c *Client) Certify(ctx context.Context, w faas.Worker) error {
	if c.conns.by != nil || w.TLS == faas.TLSNever {
		return nil
	}
	secured, err := c.conns.needsTLS(ctx, w, dialTimeout)
	if err != nil || !secured {
		return err
	}
	if to, through := tunnel.Parse(w.Address); through {
		if err = c.conns.meet(ctx, w, to); c.conns.mayDoWithout(w, err) && errors.Is(err, tunnel.ErrLeg) {
			return nil
		}
		return err
	}
	raw, err := dialRaw(ctx, w.Address, dialTimeout)
	if err != nil {
		return err
	}
	conn := c.conns.newConn(raw, w.Address)
	if err := c.conns.secure(ctx, conn, w); err != nil {
		conn.Close()
		return err
	}
	c.conns.put(conn) // the request to specialise will need one
	return nil
}

// secured is what a process has to speak TLS with workers.
type secured struct {
	authority *workertls.Authority // nil: it has none
	vouch     workertls.Vouch

	mu     sync.Mutex
	spoken *lru.Cache[string, bool] // by worker: whether it is spoken to by TLS
}

// maxSpoken bounds of how many workers is remembered that they speak TLS; the others are asked
// again.
const maxSpoken = 1 << 15

func (s *secured) known(workerID string) (speaks, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoken.Get(workerID)
}

// met reports whether the worker has been spoken to by TLS, after which nobody here does without.
func (s *secured) met(workerID string) bool {
	speaks, _ := s.known(workerID)
	return speaks
}

func (s *secured) note(workerID string, speaks bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoken.Put(workerID, speaks)
}

// needsTLS reports whether the worker is spoken to by TLS. A worker that may be of the release
// before is asked for it once, without a word that others may not hear.
func (p *pool) needsTLS(ctx context.Context, w faas.Worker, patience time.Duration) (bool, error) {
	s := &p.secured
	switch {
	case w.TLS == faas.TLSNever, w.TLS == faas.TLSAccepted && s.authority == nil:
		return false, nil
	case s.authority == nil:
		return false, errors.New("the worker speaks TLS only, and this process has no key for it")
	case w.TLS != faas.TLSAccepted:
		return true, nil
	}
	if speaks, known := s.known(w.ID); known {
		return speaks, nil
	}
	speaks, err := p.asked(ctx, w, patience)
	if err == nil && !speaks {
		s.note(w.ID, false)
	}
	return speaks, err
}

const (
	// handshakeTimeout bounds a TLS handshake with an agent, whose node may be busy, and each of the
	// requests by which it gets its certificate.
	handshakeTimeout = 5 * time.Second
	// readyPath is what an agent answers anybody on.
	readyPath = "/healthz"
)

// asked asks an agent without TLS whether it speaks TLS.
func (p *pool) asked(ctx context.Context, w faas.Worker, patience time.Duration) (bool, error) {
	raw, err := p.dialPlain(ctx, w, patience)
	if err != nil {
		return false, err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(handshakeTimeout))
	question := "GET " + readyPath + " HTTP/1.1\r\nHost: worker\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(raw, question); err != nil {
		return false, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(raw, maxSmall)), nil)
	if err != nil {
		return false, fmt.Errorf("ask whether the worker speaks TLS: %w", err)
	}
	_ = answer.Body.Close()
	return answer.Header.Get(workertls.Header) != "", nil
}

// secure makes a new connection one by TLS whose other end is the worker for sure.
func (p *pool) secure(ctx context.Context, c *conn, w faas.Worker) error {
	conn := p.secured.authority.Client(c.Conn)
	handshake, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(handshake); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.Conn, c.worker, c.checked = conn, w.ID, true
	c.bounded.R = conn
	session := conn.ConnectionState()
	err := p.secured.authority.Check(session, w.ID)
	switch {
	case err == nil:
	case p.secured.vouch != nil:
		err = p.secured.introduce(ctx, c, session, w.ID)
	default:
		err = &unknownError{err}
	}
	if err == nil {
		p.secured.note(w.ID, true)
	}
	return err
}

// unknownError says that nobody here knows whether the other end is the worker.
type unknownError struct{ cause error }

// Error says what is known of the other end.
func (e *unknownError) Error() string { return e.cause.Error() }

// Unwrap returns why the other end is not known.
func (e *unknownError) Unwrap() error { return e.cause }

// introduce finds out whether the other end of the session is the worker, and gives it the
// certificate by which others know it.
func (s *secured) introduce(ctx context.Context, c *conn, session tls.ConnectionState, workerID string) error {
	proof, err := s.authority.Prove(session, workerID)
	if err != nil {
		return err
	}
	var shown workertls.Shown
	err = c.ask(request{
		method: "POST", path: workertls.IdentityPath, authorization: proof, timeout: handshakeTimeout,
	}, &shown)
	if err == nil {
		// Whoever answers slowly must not seem to be one whom nobody can vouch for.
		ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		err = s.vouch(ctx, workerID, shown.Token)
	}
	if errors.Is(err, workertls.ErrNoVouching) {
		return &unknownError{err}
	}
	if err != nil {
		return fmt.Errorf("who answers is not known to be worker %s: %w", workerID, err)
	}
	der, err := s.authority.Issue(session, workerID)
	if err != nil {
		return err
	}
	return c.ask(request{
		method: "POST", path: workertls.CertificatePath, authorization: proof, head: der, timeout: handshakeTimeout,
	}, nil)
}

// ask sends a request of a connection's beginning.
func (c *conn) ask(req request, reply any) error {
	answer, err := c.roundTrip(req)
	if err == nil && answer.last {
		err = errors.New("the agent closes the connection")
	}
	if err == nil && reply == nil {
		err = decode(answer.status, answer.body, nil)
	} else if err == nil {
		if err = decode(answer.status, answer.body, nil); err == nil {
			err = json.Unmarshal(answer.body, reply)
		}
	}
	return err
}

// fits reports whether an idle connection of the worker's address is one to this worker, of the
// kind that it is to be spoken to by.
func (c *conn) fits(w faas.Worker) bool {
	if c.checked {
		return c.worker == w.ID && w.TLS != faas.TLSNever
	}
	return w.TLS != faas.TLSRequired
}

// dialRaw connects to "unix:/path" or "tcp:host:port". patience bounds the attempt, which a
// worker's kernel answers.
func dialRaw(ctx context.Context, address string, patience time.Duration) (net.Conn, error) {
	network, where, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	raw, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, network, where)
	if err != nil {
		return nil, err
	}
	if err := peer.NoticeDead(raw); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return netio.Conn(raw), nil
}
