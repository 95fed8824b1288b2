package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// bodies reads the bodies of requests, packages apart.
type bodies struct {
	max int64 // bytes of one
}

// cost is what the body of a request will take in memory, as far as the request says how large
// it is.
func (b bodies) cost(r *http.Request) int64 {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		const most = spoolInMemory + maxFormExtra // a larger package goes to a file
		if r.ContentLength < 0 {
			return most
		}
		return min(r.ContentLength, most)
	}
	return bodyFactor * min(max(r.ContentLength, 0), b.max)
}

// passOver takes a body from the connection and forgets it: clients that are refused while they
// still send often do not see the refusal. What is larger than a body may be is not worth that.
func (b bodies) passOver(r *http.Request) {
	if r.ContentLength <= b.max {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, b.max)) // where it fails, the refusal is all there is to do
	}
}

// countedBody counts the bytes of a body of which nobody knows how large it is.
type countedBody struct {
	io.Reader
	grant *grant
}

// Read refuses bytes for which there is no memory.
func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if refused := b.grant.bring(bodyFactor * int64(n)); refused != nil {
		return 0, refused
	}
	return n, err
}

// read takes the whole body, up to the configured bound.
func (b bodies) read(r *http.Request) ([]byte, error) {
	if r.ContentLength > b.max {
		return nil, b.tooLarge()
	}
	var buffer bytes.Buffer
	body := io.Reader(r.Body)
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	} else if r.ContentLength < 0 {
		body = countedBody{body, infoOf(r).grant}
	}
	if _, err := buffer.ReadFrom(io.LimitReader(body, b.max+1)); err != nil {
		return nil, unreadable(err)
	}
	if int64(buffer.Len()) > b.max {
		return nil, b.tooLarge()
	}
	return buffer.Bytes(), nil
}

func (b bodies) tooLarge() error {
	return faas.Errorf(faas.TooLarge, "The body is larger than %d bytes.", b.max)
}

// unreadable is for a body that ended before it should or did not come in time.
func unreadable(err error) error {
	var known *faas.Error
	if errors.As(err, &known) {
		return known
	}
	return faas.Errorf(faas.Invalid, "The body could not be read to its end.").WithCause(err)
}
