// Package jsonlines frames messages as lines of JSON: the one format in which agent, supervisor
// and language runtimes speak to each other (docs/runtime-protocol.md).
package jsonlines

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxControlLine bounds, in bytes, every line that carries no result of a call.
const MaxControlLine = 64 << 10

// ErrTooLong reports a line that is longer than its bound. Nothing of the line is usable.
var ErrTooLong = errors.New("a line of the runtime protocol is too long")

// Reader reads lines of bounded length: user code may be what sends them. A Reader belongs to one
// goroutine at a time.
type Reader struct {
	// Max bounds a line in bytes, without its line feed. It may change between two lines.
	Max int

	buffered *bufio.Reader
	long     []byte // a line that does not fit into the buffer
}

// bufferSize holds nearly every message in one piece.
const bufferSize = 4096

// NewReader returns a reader of lines of at most so many bytes. A *bufio.Reader of at least 4 KiB
// is used as it is, so that what follows a line can be read from it.
func NewReader(r io.Reader, most int) *Reader {
	return &Reader{buffered: bufio.NewReaderSize(r, bufferSize), Max: most}
}

// Next returns the next line without its line feed. The bytes are valid until the next call. It
// returns io.EOF only between two lines, io.ErrUnexpectedEOF within one.
func (r *Reader) Next() ([]byte, error) {
	part, err := r.buffered.ReadSlice('\n')
	if err == nil && len(part)-1 <= r.Max {
		return part[:len(part)-1], nil
	}
	r.long = r.long[:0]
	for {
		if len(r.long)+len(part) > r.Max+1 {
			return nil, ErrTooLong
		}
		r.long = append(r.long, part...)
		switch {
		case err == nil:
			return r.long[:len(r.long)-1], nil
		case errors.Is(err, io.EOF) && len(r.long) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read a line: %w", err)
		}
		part, err = r.buffered.ReadSlice('\n')
	}
}

// Release frees the memory of a long line, which the next line will hardly need.
func (r *Reader) Release() {
	if cap(r.long) > MaxControlLine {
		r.long = nil
	}
}

// Empty reports whether nothing has been received beyond the last line.
func (r *Reader) Empty() bool { return r.buffered.Buffered() == 0 }

// Encode returns the message as a line. It panics if the message cannot be encoded: our own
// messages always can.
func Encode(message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}
