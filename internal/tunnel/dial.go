package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// connectTimeout bounds the connection to one gateway, with its handshake.
	connectTimeout = 2 * time.Second
	// WorkerTimeout bounds how long a gateway tries to connect to a worker.
	WorkerTimeout = 1500 * time.Millisecond
	// HandshakeTimeout bounds a gateway's TLS handshake with a worker, whose node may be busy.
	HandshakeTimeout = 3 * time.Second
	// PassedTime bounds a tunnel by LegPassed.
	PassedTime = 30 * time.Second
	// answerTimeout bounds how long a gateway's word on the worker is waited for.
	answerTimeout = WorkerTimeout + HandshakeTimeout + 2*time.Second
	// Timeout is how long opening a tunnel takes at most where the first gateway answers.
	Timeout = connectTimeout + answerTimeout
	// IdleTimeout is how long a tunnel may have been idle for a caller to use it again. Gateways
	// close one that is idle for LastIdle: as that is longer, no request meets a tunnel that its
	// gateway is just closing.
	IdleTimeout = 30 * time.Second
	// LastIdle is IdleTimeout with room for a process or a network that is slow.
	LastIdle = IdleTimeout + 15*time.Second
	// maxHead bounds a head of HTTP that is read here, in bytes.
	maxHead = 4 << 10
)

// Scheme is that of the Authorization of a request for a tunnel.
const Scheme = "FaaS-Tunnel "

// RefusedDraining is a gateway's answer, with status 503, to a request in a tunnel: it is stopping,
// and has passed nothing of the request on.
const RefusedDraining = "gateway_draining"

// AwayError says that no gateway could be asked: nothing is known of the worker, and nothing was
// sent to it.
type AwayError struct {
	Gateways []string
	Cause    error
}

// Error names the gateways.
func (e *AwayError) Error() string {
	if len(e.Gateways) == 0 {
		return "no gateway to the cluster's workers is known yet"
	}
	return "the gateway " + strings.Join(e.Gateways, ", ") + " cannot be used: " + e.Cause.Error()
}

// Unwrap returns why the last gateway could not be asked.
func (e *AwayError) Unwrap() error { return e.Cause }

// WorkerError is a gateway's word that the worker cannot be reached.
type WorkerError struct{ Message string }

// Error returns the gateway's words.
func (e *WorkerError) Error() string { return "the gateway says: " + e.Message }

// Dialer opens tunnels. It is safe for concurrent use.
type Dialer struct {
	keys *Keys
	tls  *tls.Config
}

// NewDialer returns a dialer with the keys of the service's secret.
func NewDialer(of faas.WorkerKey) (*Dialer, error) {
	keys, err := NewKeys(of)
	if err != nil {
		return nil, err
	}
	return &Dialer{keys: keys, tls: &tls.Config{
		RootCAs: keys.roots(), ServerName: serverName, MinVersion: tls.VersionTLS13,
		// Tickets would lie unread in an idle connection, and look like the gateway's end of it.
		SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
	}}, nil
}

// Dial opens a tunnel to the worker, by the first gateway that lets it. The error is an AwayError
// where there was none, which is ErrLeg where the last knows no such leg; a WorkerError where the
// worker cannot be reached; a StrangerError where another may be in its place.
func (d *Dialer) Dial(ctx context.Context, to Target, leg Leg) (net.Conn, error) {
	var last error = &AwayError{}
	first := 0
	if len(to.Gateways) > 1 {
		first = rand.IntN(len(to.Gateways)) //nolint:gosec // it spreads load
	}
	for i := range to.Gateways {
		conn, err := d.through(ctx, to.Gateways[(first+i)%len(to.Gateways)], to.WorkerID, leg)
		var away *WorkerError
		var stranger *StrangerError
		if err == nil || errors.As(err, &away) || errors.As(err, &stranger) {
			return conn, err
		}
		last = &AwayError{to.Gateways, err}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

// Check reports whether the gateway is there and takes us for what we are: it asks for a worker
// that there is not.
func (d *Dialer) Check(ctx context.Context, gateway string) error {
	conn, err := d.through(ctx, gateway, "no-such-worker", LegPlain)
	var of *WorkerError
	switch {
	case errors.As(err, &of):
		return nil
	case err != nil:
		return err
	}
	_ = conn.Close()
	return errors.New("it opens a tunnel to a worker that does not exist")
}

func (d *Dialer) through(ctx context.Context, gateway, workerID string, leg Leg) (net.Conn, error) {
	connecting, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(connecting, "tcp", gateway)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, d.tls)
	if err := conn.HandshakeContext(connecting); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if err := d.ask(ctx, conn, workerID, leg); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// ask asks for the tunnel and waits for the answer.
func (d *Dialer) ask(ctx context.Context, conn *tls.Conn, workerID string, leg Leg) error {
	signature, err := d.keys.Sign(conn.ConnectionState(), workerID)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(answerTimeout)
	if of, has := ctx.Deadline(); has && of.Before(deadline) {
		deadline = of
	}
	_ = conn.SetDeadline(deadline)
	request := fmt.Sprintf("CONNECT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s%s\r\n",
		workerID, workerID, Scheme, signature)
	if leg != LegPlain {
		request += LegHeader + ": " + string(leg) + "\r\n"
	}
	request += "\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return err
	}
	// Nothing follows the head of an answer 200, so that nothing is left in the reader.
	answer, err := http.ReadResponse(
		bufio.NewReader(io.LimitReader(conn, maxHead)), &http.Request{Method: http.MethodConnect},
	)
	if err != nil {
		return fmt.Errorf("await the gateway's answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return refusal(answer)
	}
	if Leg(answer.Header.Get(LegHeader)) != leg {
		return ErrLeg
	}
	return conn.SetDeadline(time.Time{})
}

// refusal returns a gateway's answer that is not 200 as an error.
func refusal(answer *http.Response) error {
	var said struct{ Refused, Message string }
	_ = json.NewDecoder(answer.Body).Decode(&said)
	switch {
	case said.Refused == RefusedStranger:
		return &StrangerError{said.Message}
	case answer.StatusCode == http.StatusNotFound, answer.StatusCode == http.StatusBadGateway:
		return &WorkerError{said.Message}
	case answer.StatusCode == http.StatusForbidden:
		return errors.New("it does not take our signature: is [worker] token_secret the same everywhere?")
	}
	return fmt.Errorf("it answered with status %d: %s", answer.StatusCode, said.Message)
}
