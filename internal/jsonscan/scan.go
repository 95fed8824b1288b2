// Package jsonscan finds members of JSON objects without decoding what they hold, for those who
// look at much JSON and want little of it. It sees every member of JSON that is valid, as
// encoding/json would, by its exact name, and the last of several with one name; it does not see
// whether the JSON is valid, which is for whoever uses what it found.
package jsonscan

import (
	"bytes"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds how deep objects and lists are nested within a member.
const MaxDepth = 64

// What may be wrong.
var (
	ErrNotObject = errors.New("it is no JSON object")
	ErrNotJSON   = errors.New("it is no JSON")
	ErrTooDeep   = errors.New("it is nested too deep")
)

// Members calls visit with the name and the JSON of each member of an object. Both are parts of the
// object, unless the name has escapes.
func Members(object []byte, visit func(name, value []byte)) error {
	i := skipSpace(object, 0)
	if i == len(object) || object[i] != '{' {
		return ErrNotObject
	}
	i = skipSpace(object, i+1)
	if i < len(object) && object[i] == '}' {
		return nil
	}
	for {
		if i >= len(object) || object[i] != '"' {
			return ErrNotJSON
		}
		end, err := skipString(object, i)
		if err != nil {
			return err
		}
		name := object[i+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			if name, err = Unescape(nil, name); err != nil {
				return err
			}
		}
		if i = skipSpace(object, end); i == len(object) || object[i] != ':' {
			return ErrNotJSON
		}
		i = skipSpace(object, i+1)
		if end, err = skipValue(object, i); err != nil {
			return err
		}
		visit(name, object[i:end])
		if i = skipSpace(object, end); i == len(object) {
			return ErrNotJSON
		}
		switch object[i] {
		case '}':
			return nil
		case ',':
			i = skipSpace(object, i+1)
		default:
			return ErrNotJSON
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string whose quotation mark is at i.
func skipString(b []byte, i int) (int, error) {
	for from := i + 1; ; {
		quote := bytes.IndexByte(b[from:], '"')
		if quote < 0 {
			return 0, ErrNotJSON
		}
		from += quote + 1
		slashes := 0
		for b[from-2-slashes] == '\\' { // ends at the opening quotation mark at the latest
			slashes++
		}
		if slashes%2 == 0 {
			return from, nil
		}
	}
}

// skipValue returns the end of the value at i.
func skipValue(b []byte, i int) (int, error) {
	if i == len(b) {
		return 0, ErrNotJSON
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	end := i
	for end < len(b) && b[end] != ',' && b[end] != '}' && b[end] != ']' && skipSpace(b, end) == end {
		end++
	}
	if end == i {
		return 0, ErrNotJSON
	}
	return end, nil
}

// skipNested returns the end of the object or list at i.
func skipNested(b []byte, i int) (int, error) {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end, err := skipString(b, i)
			if err != nil {
				return 0, err
			}
			i = end
			continue
		case '{', '[':
			if depth++; depth > MaxDepth {
				return 0, ErrTooDeep
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
		i++
	}
	return 0, ErrNotJSON
}

// Text returns what a JSON string says; nil for JSON that is no string, or an empty one.
func Text(value []byte) []byte {
	if len(value) < 3 || value[0] != '"' {
		return nil
	}
	value = value[1 : len(value)-1]
	if bytes.IndexByte(value, '\\') < 0 {
		return value
	}
	said, err := Unescape(nil, value)
	if err != nil {
		return nil
	}
	return said
}

// Unescape appends what is between the quotation marks of a JSON string, without its escapes.
func Unescape(to, from []byte) ([]byte, error) {
	for {
		slash := bytes.IndexByte(from, '\\')
		if slash < 0 {
			return append(to, from...), nil
		}
		to = append(to, from[:slash]...)
		from = from[slash+1:]
		if len(from) == 0 {
			return nil, ErrNotJSON
		}
		switch c := from[0]; c {
		case '"', '\\', '/':
			to = append(to, c)
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r, size := escapedRune(from[1:])
			if size == 0 {
				return nil, ErrNotJSON
			}
			to, from = utf8.AppendRune(to, r), from[size:]
		default:
			return nil, ErrNotJSON
		}
		from = from[1:]
	}
}

// escapedRune reads the digits after \u, and a second \uXXXX where the first is half of a pair. It
// returns how many bytes it has read, 0 when they are no such digits. Half a pair is U+FFFD, as for
// encoding/json.
func escapedRune(b []byte) (r rune, size int) {
	first, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 4
	}
	if len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
		if second, ok := hex4(b[6:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return utf8.RuneError, 4
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
