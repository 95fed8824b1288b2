package agent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/plainhttp"
)

// front serves an agent's socket. Nearly every request is a call, in the one form in which API and
// engine send it; those it answers by itself, on the goroutine of their connection, with one read
// and one write. net/http would take half of what a call costs an agent: it makes a request of it
// with all its fields, and reads ahead in a goroutine to see whether the client leaves, which ends
// no call. A connection on which anything else comes is net/http's from then on, from the first
// byte of that.
type front struct {
	listener net.Listener
	server   *http.Server
	gate     gate
	run      func(faas.Call) (out faas.Outcome, refused string)
	log      *slog.Logger
	door     *door // nil: connections are as they come

	rest    chan net.Conn // connections for net/http
	closing chan struct{} // closed when no more calls are taken

	mu    sync.Mutex
	lanes map[*lane]struct{}
	ended sync.WaitGroup // of the lanes
}

// lane is a connection on which nothing but calls has come so far.
type lane struct {
	net.Conn          // guarded by front.mu for others than its goroutine
	raw      net.Conn // beneath TLS
	reader   *bufio.Reader
	busy     bool // a request is under way; guarded by front.mu
}

// Close ends the connection without a last word of TLS, which would wait for the peer's room for it.
func (l *lane) Close() error { return l.raw.Close() }

// headTimeout bounds how long a request's head may take to come, once it has begun.
const headTimeout = 10 * time.Second

// newFront makes the server of a listener. Requests that are no calls go to the handler.
func newFront(
	l net.Listener, d *door, handler http.Handler, g gate, run func(faas.Call) (faas.Outcome, string), log *slog.Logger,
) *front {
	return &front{
		listener: l, door: d, gate: g, run: run, log: log,
		server: &http.Server{
			Handler: handler, ReadHeaderTimeout: headTimeout, MaxHeaderBytes: 16 << 10,
			ConnContext: withSession,
			ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug), DisableGeneralOptionsHandler: true,
		},
		rest: make(chan net.Conn), closing: make(chan struct{}), lanes: map[*lane]struct{}{},
	}
}

// serve accepts connections until shutdown or close is called; then the error is
// http.ErrServerClosed.
func (f *front) serve() error {
	ended := make(chan error, 1)
	go func() { ended <- f.server.Serve(handedOver{f}) }()
	for pause := time.Duration(0); ; {
		conn, err := f.listener.Accept()
		if err == nil {
			pause = 0
			f.begin(conn)
			continue
		}
		select {
		case <-f.closing:
			<-ended //nolint:errcheck // that it was closed
			return http.ErrServerClosed
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			_ = f.server.Close()
			return err
		}
		// Nothing but a want of descriptors or memory is left, which passes.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		select {
		case <-time.After(pause):
		case <-f.closing:
		}
	}
}

// begin serves a new connection in a goroutine of its own.
func (f *front) begin(conn net.Conn) {
	l := &lane{Conn: conn, raw: conn, reader: bufio.NewReader(conn)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosing() {
		conn.Close()
		return
	}
	f.lanes[l] = struct{}{}
	f.ended.Go(func() {
		defer f.leave(l)
		defer f.recovered(l)
		if !f.secure(l) {
			l.Close()
			return
		}
		f.serveLane(l)
	})
}

func (f *front) isClosing() bool {
	select {
	case <-f.closing:
		return true
	default:
		return false
	}
}

func (f *front) leave(l *lane) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.lanes, l)
}

// recovered closes the connection of a call that failed in a way that nobody foresaw, as net/http
// does.
func (f *front) recovered(l *lane) {
	if p := recover(); p != nil {
		l.Close()
		f.log.Error("a call panicked", "panic", p, "stack", string(debug.Stack()))
	}
}

// serveLane answers calls until the connection ends or becomes net/http's.
func (f *front) serveLane(l *lane) {
	for {
		head, ok := l.await()
		switch {
		case !ok:
			l.Close()
			return
		case string(head.First) != "POST /v1/call HTTP/1.1" || head.Length > maxCall || !f.admits(head):
			f.handOver(l)
			return
		}
		f.enter(l)
		last, err := f.answerCall(l, head)
		if err != nil || f.pass(l) || last {
			l.Close()
			return
		}
	}
}

// await waits for the head of a request; ok is false when the connection has ended. The head of one
// that is not plain has no first line.
func (l *lane) await() (head plainhttp.Head, ok bool) {
	for begun := false; ; {
		buffered, _ := l.reader.Peek(l.reader.Buffered())
		head, complete, plain := plainhttp.Read(buffered)
		if complete || len(buffered) == l.reader.Size() {
			if begun {
				_ = l.SetReadDeadline(time.Time{})
			}
			if !plain {
				head.First = nil
			}
			return head, true
		}
		if len(buffered) > 0 && !begun {
			begun = true
			_ = l.SetReadDeadline(time.Now().Add(headTimeout))
		}
		if _, err := l.reader.Peek(len(buffered) + 1); err != nil {
			return head, false
		}
	}
}

// admits reports whether the head bears the worker's token. It is looked at before the body is read.
func (f *front) admits(head plainhttp.Head) bool {
	token, ok := bytes.CutPrefix(head.Authorization, []byte("Bearer "))
	return ok && f.gate.admits(string(token))
}

// enter says that a request is under way. One that comes while no more are taken is refused by the
// worker itself, which its caller understands.
func (f *front) enter(l *lane) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.busy = true
}

// pass says that the request is over, and reports whether it was the last.
func (f *front) pass(l *lane) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.busy = false
	return f.isClosing()
}

// answerCall reads a call's body and has it answered. An error is the connection's.
func (f *front) answerCall(l *lane, head plainhttp.Head) (last bool, err error) {
	_, _ = l.reader.Discard(head.Size) // it is in the buffer
	body := make([]byte, head.Length)
	if _, err := io.ReadFull(l.reader, body); err != nil {
		return true, err
	}
	status, answer := answerTo(body, f.run)
	last = f.isClosing()
	_, err = l.Write(appendAnswer(make([]byte, 0, len(answer)+answerHead), status, answer, last))
	return last, err
}

// answerHead is room for an answer's head, in bytes.
const answerHead = 128

func appendAnswer(b []byte, status int, body []byte, last bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(b, "\r\nContent-Type: application/json\r\n"...)
	if last {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

// handOver leaves the connection to net/http, with what has been read of it.
func (f *front) handOver(l *lane) {
	select {
	case f.rest <- &begun{Conn: l.Conn, reader: l.reader}:
	case <-f.closing:
		l.Close()
	}
}

// begun is a connection of which something has been read.
type begun struct {
	net.Conn
	reader *bufio.Reader // holds that
}

// Read implements net.Conn.
func (b *begun) Read(p []byte) (int, error) {
	if b.reader.Buffered() > 0 {
		return b.reader.Read(p)
	}
	return b.Conn.Read(p)
}

// handedOver is the listener of what net/http is to serve.
type handedOver struct{ *front }

// Accept implements net.Listener.
func (h handedOver) Accept() (net.Conn, error) {
	select {
	case conn := <-h.rest:
		return conn, nil
	case <-h.closing:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. The listener is front's to close.
func (h handedOver) Close() error { return nil }

// Addr implements net.Listener.
func (h handedOver) Addr() net.Addr { return h.listener.Addr() }

// shutdown takes no more requests and waits for those under way until ctx ends, of which the error
// is then.
func (f *front) shutdown(ctx context.Context) error {
	f.refuse()
	idle := make(chan struct{})
	go func() {
		f.ended.Wait()
		close(idle)
	}()
	err := f.server.Shutdown(ctx)
	select {
	case <-idle:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refuse closes the listener and the connections that wait for a request.
func (f *front) refuse() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosing() {
		return
	}
	close(f.closing)
	f.listener.Close()
	for l := range f.lanes {
		if !l.busy {
			l.Close()
		}
	}
}

// close ends every connection, those with requests under way too.
func (f *front) close() error {
	f.refuse()
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.lanes {
		l.Close()
	}
	return f.server.Close()
}
