// Package fields reads what requests bring: bodies, the fields of JSON objects and forms, and
// packages.
package fields

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// Bodies reads the bodies of requests, packages apart.
type Bodies struct {
	Max int64 // bytes of one
}

// Cost is what the body of a request will take in memory, as far as the request says how large
// it is.
func (b Bodies) Cost(r *http.Request) int64 {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		const most = SpoolInMemory + maxFormExtra // a larger package goes to a file
		if r.ContentLength < 0 {
			return most
		}
		return min(r.ContentLength, most)
	}
	return memory.BodyFactor * min(max(r.ContentLength, 0), b.Max)
}

// PassOver takes a body from the connection and forgets it: clients that are refused while they
// still send often do not see the refusal. What is larger than a body may be is not worth that.
func (b Bodies) PassOver(r *http.Request) {
	if r.ContentLength <= b.Max {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, b.Max)) // where it fails, the refusal is all there is to do
	}
}

// countedBody counts the bytes of a body of which nobody knows how large it is.
type countedBody struct {
	io.Reader
	grant *memory.Grant
}

// Read refuses bytes for which there is no memory.
func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if refused := b.grant.Bring(memory.BodyFactor * int64(n)); refused != nil {
		return 0, refused
	}
	return n, err
}

// Read takes the whole body, up to the configured bound.
func (b Bodies) Read(r *http.Request) ([]byte, error) {
	if r.ContentLength > b.Max {
		return nil, b.tooLarge()
	}
	var buffer bytes.Buffer
	body := io.Reader(r.Body)
	if r.ContentLength > 0 {
		buffer.Grow(int(r.ContentLength) + bytes.MinRead)
	} else if r.ContentLength < 0 {
		body = countedBody{body, request.Of(r).Grant}
	}
	if _, err := buffer.ReadFrom(io.LimitReader(body, b.Max+1)); err != nil {
		return nil, unreadable(err)
	}
	if int64(buffer.Len()) > b.Max {
		return nil, b.tooLarge()
	}
	return buffer.Bytes(), nil
}

func (b Bodies) tooLarge() error {
	return faas.Errorf(faas.TooLarge, "The body is larger than %d bytes.", b.Max)
}

// unreadable is for a body that ended before it should or did not come in time.
func unreadable(err error) error {
	var known *faas.Error
	if errors.As(err, &known) {
		return known
	}
	return faas.Errorf(faas.Invalid, "The body could not be read to its end.").WithCause(err)
}
