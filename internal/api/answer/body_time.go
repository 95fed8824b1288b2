package answer

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// How long the body of a request may take to arrive as a whole, however steadily it comes.
const (
	bodyTimeout    = 30 * time.Second
	packageTimeout = 10 * time.Minute
)

// timedBody ends the wait for a body that stalls, or that does not arrive in time. The time ends
// with the body, or it would cut off the answer to a call that takes longer. A deadline that has
// passed stays: net/http reads what is left of a body before it answers, and would wait for it once
// more.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	stall      time.Duration // how long nothing may come
	end        time.Time     // of the whole
	set        time.Time     // the deadline that is set
}

// Read moves the connection's deadline on before it waits, and lifts it after the last bytes.
func (b *timedBody) Read(p []byte) (int, error) {
	b.wait()
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, b.late(err)
	case errors.Is(err, io.EOF):
		_ = b.connection.SetReadDeadline(time.Time{}) // a connection without deadlines has none to keep
	}
	return n, err
}

// wait sets by when the next bytes are to come.
func (b *timedBody) wait() {
	deadline := time.Now().Add(b.stall)
	if deadline.After(b.end) {
		deadline = b.end
	}
	if late := deadline.Sub(b.set); late >= 0 && late < b.stall/1000 && deadline != b.end {
		return // nearly every body comes with its head, within microseconds
	}
	b.set = deadline
	_ = b.connection.SetReadDeadline(deadline)
}

func (b *timedBody) late(err error) error {
	if time.Now().Before(b.end) {
		return faas.Errorf(faas.TooSlow, "The body stalled: nothing of it came for %s.", b.stall).WithCause(err)
	}
	return faas.Errorf(faas.TooSlow, "The body took too long to arrive; send it faster, or in a smaller request.").
		WithCause(err)
}

// LimitTime bounds how long the request's body may take, from now on: also one that no handler
// reads.
func LimitTime(w http.ResponseWriter, r *http.Request, stall time.Duration) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	whole := bodyTimeout
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		whole = packageTimeout
	}
	body := &timedBody{
		ReadCloser: r.Body, connection: http.NewResponseController(w), stall: stall, end: time.Now().Add(whole),
	}
	body.wait()
	r.Body = body
}

// How much of a body that is too large is passed over, and for how long.
const (
	passedOverBytes = 256 << 20
	passedOverTime  = 10 * time.Second
)

// writeToSender answers a client that may still be sending. A connection that is closed while more
// comes in is reset, and the client then reports that instead of the answer; so the answer is sent,
// and what comes is read and forgotten for a bounded while. The connection ends with it.
func (a *Responder) writeToSender(w http.ResponseWriter, r *http.Request, status int, text []byte) {
	connection := http.NewResponseController(w)
	if connection.EnableFullDuplex() != nil || r.Header.Get("Expect") != "" { // who asks first sends nothing more
		a.writeBytes(w, r, status, text)
		return
	}
	w.Header().Set("Connection", "close")
	a.writeBytes(w, r, status, text)
	_ = connection.Flush() // where it fails nobody is there any more, as the next read says
	if body, ok := r.Body.(*timedBody); ok {
		body.end = time.Now().Add(passedOverTime)
	}
	_, _ = io.CopyN(io.Discard, r.Body, passedOverBytes)
}
