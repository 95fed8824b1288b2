package event

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// find returns the JSON at the path in text, which must be JSON. It makes nothing of what it
// passes, so that hostile data costs no more than a look at each byte; decoded, 256 KiB can be 15
// MiB. Of members with one name the last counts, as for the languages that functions are written
// in.
func find(text []byte, path dataPath) (value json.RawMessage, ok bool) {
	f := finder{text: text}
	return f.find(path)
}

// finder is a place in JSON. Since that is JSON, no step of it looks for the end of the text first.
type finder struct {
	text []byte
	at   int
}

// find passes one value, and returns what is at the path in it.
func (f *finder) find(path dataPath) (value json.RawMessage, ok bool) {
	f.space()
	from := f.at
	if len(path) == 0 {
		f.skip()
		return f.text[from:f.at], true
	}
	switch f.text[f.at] {
	case '{':
		f.items('}', func() {
			name := f.skipText()
			f.space()
			f.at++ // :
			if is(name, path[0]) {
				value, ok = f.find(path[1:])
			} else {
				f.space()
				f.skip()
			}
		})
	case '[':
		wanted, err := strconv.Atoi(path[0])
		i := 0
		f.items(']', func() {
			if err == nil && i == wanted {
				value, ok = f.find(path[1:])
			} else {
				f.skip()
			}
			i++
		})
	default:
		f.skip()
	}
	return value, ok
}

// items passes an object or a list, and calls item at each of its items, which it has to pass.
func (f *finder) items(end byte, item func()) {
	f.at++
	for f.space(); f.text[f.at] != end; f.space() {
		if f.text[f.at] == ',' {
			f.at++
			f.space()
		}
		item()
	}
	f.at++
}

func (f *finder) space() {
	for f.at < len(f.text) && strings.IndexByte(" \t\r\n", f.text[f.at]) >= 0 {
		f.at++
	}
}

// skip passes a value.
func (f *finder) skip() {
	switch f.text[f.at] {
	case '"':
		f.skipText()
	case '{', '[':
		f.skipNested()
	default: // a number, true, false or null
		for f.at < len(f.text) && strings.IndexByte(",]} \t\r\n", f.text[f.at]) < 0 {
			f.at++
		}
	}
}

func (f *finder) skipNested() {
	for depth := 0; ; {
		switch f.text[f.at] {
		case '"':
			f.skipText()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		f.at++
		if depth == 0 {
			return
		}
	}
}

// skipText passes a text and returns it with its quotes.
func (f *finder) skipText() []byte {
	from := f.at
	for f.at++; f.text[f.at] != '"'; f.at++ {
		if f.text[f.at] == '\\' {
			f.at++
		}
	}
	f.at++
	return f.text[from:f.at]
}

// is reports whether a name in JSON is that one.
func is(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == name // without a copy
	}
	text, ok := unquoteJSON(raw)
	return ok && text == name
}

// unquoteJSON returns the text that JSON is; ok is false when it is none.
func unquoteJSON(raw []byte) (text string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	inner := string(raw[1 : len(raw)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	return text, json.Unmarshal(raw, &text) == nil
}
