package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// errLineTooLong says that the runtime sent more than it may; nothing of the line is usable.
var errLineTooLong = errors.New("a line of the runtime protocol is too long")

// lineReader reads the lines of the runtime protocol. Their length is bounded, for it is user code that may be sending them.
type lineReader struct {
	buffered *bufio.Reader
	long     []byte // a line that does not fit into the buffer
	max      int    // bytes, without the line feed
}

func newLineReader(r io.Reader, most int) *lineReader {
	return &lineReader{buffered: bufio.NewReaderSize(r, 4096), max: most}
}

// next gives the next line without its line feed. It is valid until the next call. The error is io.EOF only between lines.
func (l *lineReader) next() ([]byte, error) {
	part, err := l.buffered.ReadSlice('\n')
	if err == nil && len(part)-1 <= l.max {
		return part[:len(part)-1], nil
	}
	l.long = l.long[:0]
	for {
		if len(l.long)+len(part) > l.max+1 {
			return nil, errLineTooLong
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long[:len(l.long)-1], nil
		case errors.Is(err, io.EOF) && len(l.long) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("read from runtime: %w", err)
		}
		part, err = l.buffered.ReadSlice('\n')
	}
}

// release gives back the memory of a long line, which the next one will hardly need.
func (l *lineReader) release() {
	if cap(l.long) > 64<<10 {
		l.long = nil
	}
}

// empty reports whether nothing was received beyond the last line.
func (l *lineReader) empty() bool { return l.buffered.Buffered() == 0 }
