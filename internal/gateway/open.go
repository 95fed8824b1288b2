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
func (g *Gateway) open(raw net.Conn) (caller, worker stream, err error) {
	deadline := time.Now().Add(openTimeout)
	_ = raw.SetDeadline(deadline)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	secured := tls.Server(raw, g.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		g.metrics.refused.WithLabelValues("handshake").Inc()
		return caller, worker, err
	}
	caller = newStream(secured)
	to, err := g.connect(ctx, secured.ConnectionState(), caller)
	if err == nil {
		if _, err = secured.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")); err != nil {
			_ = to.Close()
		}
	}
	var refused *refusal
	if errors.As(err, &refused) {
		g.metrics.refused.WithLabelValues(refused.reason).Inc()
		_, _ = secured.Write(answer(refused.status, refused.reason, refused.message))
	}
	if err != nil {
		return caller, worker, err
	}
	_ = raw.SetDeadline(time.Time{})
	return caller, newStream(to), nil
}

// connect reads the request for the tunnel and returns a connection to the worker; the error is a
// refusal, or the caller's end.
func (g *Gateway) connect(ctx context.Context, session tls.ConnectionState, caller stream) (net.Conn, error) {
	workerID, signature, err := readRequest(caller.in)
	if err != nil {
		return nil, err
	}
	if !g.cfg.Identity.Checker().Valid(session, workerID, signature) {
		return nil, &refusal{http.StatusForbidden, "forbidden", "the signature is not valid here"}
	}
	address, err := g.cfg.Workers.Address(ctx, workerID)
	switch {
	case errors.Is(err, ErrNoWorker):
		return nil, &refusal{http.StatusNotFound, "no_worker", "there is no worker " + workerID}
	case err != nil:
		g.cfg.Log.Warn("where a worker is could not be found out", "worker", workerID, "error", err)
		return nil, &refusal{http.StatusServiceUnavailable, "unknown", "where workers are is not known: " + err.Error()}
	}
	worker, err := (&net.Dialer{Timeout: tunnel.WorkerTimeout}).DialContext(ctx, "tcp", address)
	if err == nil {
		if err = peer.NoticeDead(worker); err != nil {
			_ = worker.Close()
		}
	}
	if err != nil {
		message := "worker " + workerID + " cannot be reached: " + err.Error()
		return nil, &refusal{http.StatusBadGateway, "unreachable", message}
	}
	return worker, nil
}

// readRequest reads the request for a tunnel, of somebody who has proved nothing yet.
func readRequest(in *bufio.Reader) (workerID, signature string, err error) {
	size, err := peekHead(in)
	if err != nil {
		return "", "", err
	}
	head, err := in.Peek(size)
	if err != nil {
		return "", "", err
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	bad := &refusal{http.StatusBadRequest, "invalid", "this is no request for a tunnel to a worker"}
	if err != nil {
		return "", "", bad
	}
	_ = req.Body.Close()
	if _, err := in.Discard(size); err != nil {
		return "", "", err
	}
	signature, signed := strings.CutPrefix(req.Header.Get("Authorization"), tunnel.Scheme)
	switch {
	case req.Method != http.MethodConnect || in.Buffered() > 0:
		return "", "", bad
	case !signed || req.RequestURI == "":
		return "", "", &refusal{http.StatusForbidden, "forbidden", "a signature is needed here"}
	}
	return req.RequestURI, signature, nil
}

// answer returns an answer of the gateway's own, in the form that agents' refusals have.
func answer(status int, reason, message string) []byte {
	body, _ := json.Marshal(map[string]string{"refused": reason, "message": message}) // cannot fail
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), len(body), body)
}
