package agent

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// clip keeps a text of bounded size out of one of any size: its first and its last half, where the errors usually are.
type clip struct {
	limit int // bytes that are kept
	head  []byte
	tail  []byte // a ring once it is full
	at    int    // where the ring's oldest byte is
	total int64
}

func (c *clip) write(p []byte) {
	c.total += int64(len(p))
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
}

// take gives what was kept, with a mark where it was cut, and begins anew.
func (c *clip) take() string {
	cut := c.total - int64(len(c.head)+len(c.tail))
	head, tail := c.head, slices.Concat(c.tail[c.at:], c.tail[:c.at])
	mark := ""
	if cut > 0 {
		head, tail = wholeEnd(head), wholeStart(tail)
		cut = c.total - int64(len(head)+len(tail))
		mark = fmt.Sprintf("\n[… %d bytes of the log were cut out here …]\n", cut)
	}
	text := string(head) + mark + string(tail)
	c.reset()
	return text
}

func (c *clip) reset() {
	c.total, c.at = 0, 0
	c.head, c.tail = reuse(c.head), reuse(c.tail)
}

// reuse keeps a small buffer for the next text and lets go of a large one.
func reuse(b []byte) []byte {
	if cap(b) > 4096 {
		return nil
	}
	return b[:0]
}

// wholeEnd drops the beginning of a character at b's end, whose rest was cut off.
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
