// Package logclip keeps a bounded part of a log of any length: the first and the last half, where
// the errors usually are.
package logclip

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Clip is a writer that keeps the first and the last half of what it is given. It is not safe for
// concurrent use.
type Clip struct {
	limit int // bytes that are kept
	head  []byte
	tail  []byte // a ring once it is full
	at    int    // where the ring's oldest byte is
	total int64
}

// New returns a Clip that keeps so many bytes.
func New(limit int64) Clip { return Clip{limit: int(limit)} }

// Write takes the next bytes in. It never fails.
func (c *Clip) Write(p []byte) (int, error) {
	n := len(p)
	c.total += int64(n)
	if room := c.limit/2 - len(c.head); room > 0 {
		n := min(room, len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
	}
	size := c.limit - c.limit/2
	if len(p) > size {
		p = p[len(p)-size:]
	}
	if room := size - len(c.tail); room > 0 {
		n := min(room, len(p))
		c.tail = append(c.tail, p[:n]...)
		p = p[n:]
	}
	for len(p) > 0 {
		n := copy(c.tail[c.at:], p)
		c.at = (c.at + n) % size
		p = p[n:]
	}
	return n, nil
}

// Total returns how many bytes were written.
func (c *Clip) Total() int64 { return c.total }

// Take returns what was kept, and begins anew.
func (c *Clip) Take() string {
	text := c.Text()
	c.Reset()
	return text
}

// Text returns what was kept, with a mark where bytes were cut out. A character that the cut would
// divide is left out as a whole.
func (c *Clip) Text() string {
	if c.total == 0 {
		return "" // the usual log
	}
	cut := c.total - int64(len(c.head)+len(c.tail))
	head, tail := c.head, slices.Concat(c.tail[c.at:], c.tail[:c.at])
	mark := ""
	if cut > 0 {
		head, tail = wholeEnd(head), wholeStart(tail)
		cut = c.total - int64(len(head)+len(tail))
		mark = fmt.Sprintf("\n[… %d bytes of the log were cut out here …]\n", cut)
	}
	return string(head) + mark + string(tail)
}

// Reset forgets what was kept.
func (c *Clip) Reset() {
	c.total, c.at = 0, 0
	c.head, c.tail = reuse(c.head), reuse(c.tail)
}

// reuse keeps a small buffer for the next text and frees a large one.
func reuse(b []byte) []byte {
	if cap(b) > 4096 {
		return nil
	}
	return b[:0]
}

// wholeEnd drops the beginning of a character at b's end whose rest was cut off.
func wholeEnd(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// wholeStart drops the rest of a character at b's start.
func wholeStart(b []byte) []byte {
	for i := 0; i < len(b) && i < utf8.UTFMax; i++ {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	if len(b) < utf8.UTFMax {
		return nil
	}
	return b // it is no text
}
