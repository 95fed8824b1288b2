package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/peer"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// stream is an end of a tunnel with what was read of it ahead.
type stream struct {
	net.Conn
	in *bufio.Reader
}

func newStream(c net.Conn) stream { return stream{c, bufio.NewReaderSize(c, maxHead)} }

// refusal is why a connection does not become a tunnel.
type refusal struct {
	status  int
	reason  string // for the metric
	message string // for the caller
}

// Error returns what the caller is told.
func (r *refusal) Error() string { return r.message }

// open has the caller prove that it may have the tunnel that it asks for, and connects to the
// worker.
func (g *Gateway) open(raw net.Conn) (caller, worker stream, leg tunnel.Leg, err error) {
	deadline := time.Now().Add(openTimeout)
	_ = raw.SetDeadline(deadline)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	secured := tls.Server(raw, g.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		g.metrics.refused.WithLabelValues("handshake").Inc()
		return caller, worker, leg, err
	}
	caller = newStream(secured)
	to, leg, err := g.connect(ctx, secured.ConnectionState(), caller)
	if err == nil {
		if _, err = secured.Write(opened(leg)); err != nil {
			_ = to.Close()
		}
	}
	var refused *refusal
	if errors.As(err, &refused) {
		g.metrics.refused.WithLabelValues(refused.reason).Inc()
		_, _ = secured.Write(answer(refused.status, refused.reason, refused.message))
	}
	if err != nil {
		return caller, worker, leg, err
	}
	_ = raw.SetDeadline(time.Time{})
	return caller, newStream(to), leg, nil
}

// opened is the answer to a request for a tunnel that there is now.
func opened(leg tunnel.Leg) []byte {
	if leg == tunnel.LegPlain {
		return []byte("HTTP/1.1 200 OK\r\n\r\n")
	}
	return []byte("HTTP/1.1 200 OK\r\n" + tunnel.LegHeader + ": " + string(leg) + "\r\n\r\n")
}

// connect reads the request for the tunnel and returns a connection to the worker, and how it goes
// there; the error is a refusal, or the caller's end.
func (g *Gateway) connect(
	ctx context.Context, session tls.ConnectionState, caller stream,
) (net.Conn, tunnel.Leg, error) {
	asks, err := readRequest(caller.in)
	if err != nil {
		return nil, "", err
	}
	if !g.cfg.Identity.Checker().Valid(session, asks.workerID, asks.signature) {
		return nil, "", &refusal{http.StatusForbidden, "forbidden", "the signature is not valid here"}
	}
	address, err := g.cfg.Workers.Address(ctx, asks.workerID)
	switch {
	case errors.Is(err, ErrNoWorker):
		return nil, "", &refusal{http.StatusNotFound, "no_worker", "there is no worker " + asks.workerID}
	case err != nil:
		g.cfg.Log.Warn("where a worker is could not be found out", "worker", asks.workerID, "error", err)
		return nil, "", &refusal{
			http.StatusServiceUnavailable, "unknown", "where workers are is not known: " + err.Error(),
		}
	}
	worker, err := dialWorker(ctx, asks.workerID, address)
	roots := g.cfg.Identity.Workers()
	switch {
	case err != nil:
		return nil, "", err
	case roots == nil: // the caller sees that nothing came of what it asked for
		return worker, tunnel.LegPlain, nil
	case asks.leg != tunnel.LegChecked:
		return worker, asks.leg, nil
	}
	secured, err := checked(ctx, *roots, worker, asks.workerID)
	if err != nil {
		_ = worker.Close()
		return nil, "", err
	}
	return secured, asks.leg, nil
}

func dialWorker(ctx context.Context, workerID, address string) (net.Conn, error) {
	worker, err := (&net.Dialer{Timeout: tunnel.WorkerTimeout}).DialContext(ctx, "tcp", address)
	if err == nil {
		if err = peer.NoticeDead(worker); err != nil {
			_ = worker.Close()
		}
	}
	if err != nil {
		return nil, unreachable(workerID, err)
	}
	return worker, nil
}

func unreachable(workerID string, err error) *refusal {
	message := "worker " + workerID + " cannot be reached: " + err.Error()
	return &refusal{http.StatusBadGateway, "unreachable", message}
}

// checked has TLS be spoken on the connection, with the worker and nobody else.
func checked(ctx context.Context, roots workertls.Roots, raw net.Conn, workerID string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnel.HandshakeTimeout)
	defer cancel()
	conn := roots.Client(raw)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, unreachable(workerID, fmt.Errorf("TLS handshake: %w", err))
	}
	if err := roots.Check(conn.ConnectionState(), workerID); err != nil {
		return nil, &refusal{http.StatusBadGateway, tunnel.RefusedStranger, err.Error()}
	}
	return conn, nil
}

// request is one for a tunnel, of somebody who has proved nothing yet.
type request struct {
	workerID, signature string
	leg                 tunnel.Leg
}

func readRequest(in *bufio.Reader) (request, error) {
	size, err := peekHead(in)
	if err != nil {
		return request{}, err
	}
	head, err := in.Peek(size)
	if err != nil {
		return request{}, err
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	bad := &refusal{http.StatusBadRequest, "invalid", "this is no request for a tunnel to a worker"}
	if err != nil {
		return request{}, bad
	}
	_ = req.Body.Close()
	if _, err := in.Discard(size); err != nil {
		return request{}, err
	}
	signature, signed := strings.CutPrefix(req.Header.Get("Authorization"), tunnel.Scheme)
	leg := tunnel.Leg(req.Header.Get(tunnel.LegHeader))
	switch {
	case req.Method != http.MethodConnect || in.Buffered() > 0:
		return request{}, bad
	case leg != tunnel.LegPlain && leg != tunnel.LegChecked && leg != tunnel.LegPassed:
		return request{}, bad
	case !signed || req.RequestURI == "":
		return request{}, &refusal{http.StatusForbidden, "forbidden", "a signature is needed here"}
	}
	return request{req.RequestURI, signature, leg}, nil
}

// answer returns an answer of the gateway's own, in the form that agents' refusals have.
func answer(status int, reason, message string) []byte {
	body, _ := json.Marshal(map[string]string{"refused": reason, "message": message}) // cannot fail
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}
