// Package plainhttp reads the heads of the plainest HTTP/1.1 messages, those that API, engine and
// agents send each other thousands of times a second: a body of a length that the head says, on a
// connection that stays. It refuses what is anything else, so that net/http reads it, from the
// first byte on.
package plainhttp

import "bytes"

// Head is what a plain message's head says. Its parts are parts of the buffer that it was read
// from.
type Head struct {
	First         []byte // the request line or the status line, without its end
	Authorization []byte // nil: there is no such field
	Length        int64  // of the body, in bytes
	Size          int    // of the head, in bytes
}

// maxLength bounds the digits of a length: what has more is not plain.
const maxLength = 10

// Read reads a head that is at the beginning of the bytes. It reports false where it is not all
// there yet or is not plain: complete then tells which.
func Read(b []byte) (h Head, complete, plain bool) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return h, false, false
	}
	h.Size, h.Length = end+4, -1
	rest := b[:end+2]
	h.First, rest = line(rest)
	for len(rest) > 0 {
		var field []byte
		field, rest = line(rest)
		if !h.take(field) {
			return h, true, false
		}
	}
	return h, true, h.Length >= 0 && ordinary(h.First)
}

// line cuts the first line off. A part that ends a line otherwise than all others do, or is not
// text, is found by ordinary.
func line(b []byte) (first, rest []byte) {
	end := bytes.Index(b, []byte("\r\n")) // there is one: the head ends so
	return b[:end], b[end+2:]
}

// take notes a field, and reports false for one that only net/http understands.
func (h *Head) take(field []byte) bool {
	colon := bytes.IndexByte(field, ':')
	if colon < 1 || !ordinary(field) {
		return false
	}
	name, value := field[:colon], bytes.Trim(field[colon+1:], " ")
	switch len(name) { // most fields have none of these lengths
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			return h.takeLength(value)
		}
	case len("Authorization"):
		if bytes.EqualFold(name, []byte("Authorization")) {
			once := h.Authorization == nil
			h.Authorization = value
			return once
		}
	}
	return token(name) && !special(name)
}

func (h *Head) takeLength(value []byte) bool {
	if h.Length >= 0 || len(value) == 0 || len(value) > maxLength {
		return false
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
		n = 10*n + int64(c-'0')
	}
	h.Length = n
	return true
}

// special reports whether the field says how the message or the connection goes on.
func special(name []byte) bool {
	for _, other := range [...]string{
		"Connection", "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te", "Keep-Alive", "Proxy-Connection",
	} {
		if len(name) == len(other) && bytes.EqualFold(name, []byte(other)) {
			return true
		}
	}
	return false
}

// token reports whether a name is made of what nobody reads differently: letters, digits, hyphens.
func token(name []byte) bool {
	for _, c := range name {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// ordinary reports whether a line is printable ASCII. So there is no other end of a line in it.
func ordinary(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
