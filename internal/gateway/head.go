package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// maxHead bounds the head of a request or an answer, in bytes. Ours have a few hundred.
const maxHead = 4 << 10

var (
	errHead   = errors.New("the head of a message is larger than 4 KiB")
	errLength = errors.New("the head of a message does not say how long it is")
)

// peekHead waits for a whole head, up to its empty line, and returns its size; it stays in the
// reader. io.EOF says that nothing came.
func peekHead(in *bufio.Reader) (size int, err error) {
	for {
		some, err := in.Peek(in.Buffered())
		if err != nil {
			return 0, err
		}
		if end := bytes.Index(some, []byte("\r\n\r\n")); end >= 0 {
			return end + 4, nil
		}
		if len(some) >= maxHead {
			return 0, errHead
		}
		if _, err := in.Peek(len(some) + 1); err != nil {
			if len(some) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
}

// bodyLength returns the Content-Length of a head. Both ends of a tunnel are ours, and always say
// it. Whoever says it otherwise confuses nobody: all that a tunnel leads to is the one agent.
func bodyLength(head []byte) (int64, error) {
	length := int64(-1)
	for line := range bytes.Lines(head) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return 0, errLength
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil || n < 0 || length >= 0 {
				return 0, errLength
			}
			length = n
		}
	}
	if length < 0 {
		return 0, errLength
	}
	return length, nil
}
