package api

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// How long the body of a request may take to arrive as a whole.
const (
	bodyPatience    = 30 * time.Second
	packagePatience = 10 * time.Minute
)

// timedBody gives up on a body that does not arrive in time. The time ends with the body, or it would cut off the answer to a
// call that takes longer.
type timedBody struct {
	io.ReadCloser
	connection *http.ResponseController
	patience   time.Duration
	begun      bool
}

// Read sets the connection's deadline before the first bytes and lifts it after the last.
func (b *timedBody) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		_ = b.connection.SetReadDeadline(time.Now().Add(b.patience)) // a connection without deadlines has none to keep
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.connection.SetReadDeadline(time.Time{})
	}
	return n, err
}

// limitTime bounds how long the request's body may take.
func limitTime(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	patience := bodyPatience
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		patience = packagePatience
	}
	r.Body = &timedBody{ReadCloser: r.Body, connection: http.NewResponseController(w), patience: patience}
}

// readBody takes the whole body, up to the configured bound.
func (s *Server) readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > s.cfg.MaxBody {
		return nil, s.bodyTooLarge()
	}
	var buffer bytes.Buffer
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(io.LimitReader(r.Body, s.cfg.MaxBody+1)); err != nil {
		return nil, unreadable(err)
	}
	if int64(buffer.Len()) > s.cfg.MaxBody {
		return nil, s.bodyTooLarge()
	}
	return buffer.Bytes(), nil
}

func (s *Server) bodyTooLarge() error {
	return faas.Errorf(faas.TooLarge, "The body is larger than %d bytes.", s.cfg.MaxBody)
}

// unreadable is for a body that ended before it should or did not come in time.
func unreadable(err error) error {
	return faas.Errorf(faas.Invalid, "The body could not be read to its end.").WithCause(err)
}
