package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// templateText is a text with any number of placeholders in it.
type templateText []textPart

// textPart is a text as it is, or a placeholder where that is "".
type textPart struct {
	literal string
	placeholder
}

// parseText splits a text at its placeholders.
func parseText(text string) (parts templateText, err error) {
	var literal strings.Builder
	end := func() {
		if literal.Len() > 0 {
			parts = append(parts, textPart{literal: literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "$${"):
			literal.WriteString("${")
			text = text[3:]
		case strings.HasPrefix(text, "${"):
			end()
			name, rest, ok := strings.Cut(text[2:], "}")
			if !ok {
				return nil, fmt.Errorf("%q has no } at its end; $${ is a ${ that is no placeholder", clip(text))
			}
			p, err := parsePlaceholder(name)
			if err != nil {
				return nil, err
			}
			parts = append(parts, textPart{placeholder: p})
			text = rest
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	end()
	return parts, nil
}

func (t templateText) write(to *memberWriter, v *view) error {
	var whole strings.Builder
	for _, part := range t {
		text := part.literal
		if text == "" {
			text = part.text(v)
		}
		if whole.Len()+len(text) > MaxMembers { // to.write would refuse it, too, but later
			return to.write(make([]byte, MaxMembers+1))
		}
		whole.WriteString(text)
	}
	return to.write(quote(whole.String()))
}

func (t templateText) lookups() (n int) {
	for _, part := range t {
		n += part.lookups() // a literal has no path
	}
	return n
}

// placeholder names a part of the event.
type placeholder struct {
	attribute string   // or "" for data
	path      dataPath // of data; nil for all of it
}

func parsePlaceholder(name string) (placeholder, error) {
	if name == "data" {
		return placeholder{}, nil
	}
	if text, ok := strings.CutPrefix(name, "data."); ok {
		path, err := parsePath(text)
		return placeholder{path: path}, err
	}
	if err := checkName(name); err != nil {
		return placeholder{}, fmt.Errorf("${%s}: %w", clip(name), err)
	}
	return placeholder{attribute: name}, nil
}

// write writes what is there, of the type that it has, and null where nothing is.
func (p placeholder) write(to *memberWriter, v *view) error {
	switch {
	case p.attribute != "":
		if _, ok := attribute(v.event, p.attribute); ok {
			return to.write(attributeJSON(v.event, p.attribute))
		}
	case p.path != nil:
		if value, ok := v.at(p.path); ok {
			return to.write(value)
		}
	default:
		_, value := dataJSON(v.event)
		return to.write(value)
	}
	return to.write([]byte("null"))
}

// text returns what is there as a text: texts without quotes, null as nothing, all else as JSON.
func (p placeholder) text(v *view) string {
	switch {
	case p.attribute != "":
		value, _ := attribute(v.event, p.attribute)
		return value
	case p.path == nil:
		if data := v.event.DataEncoded; utf8.Valid(data) {
			return string(data)
		}
		return base64.StdEncoding.EncodeToString(v.event.DataEncoded)
	}
	value, ok := v.at(p.path)
	if text, is := unquoteJSON(value); is {
		return text
	}
	if !ok || string(value) == "null" {
		return ""
	}
	return string(value)
}

func (p placeholder) lookups() int {
	if p.path != nil {
		return 1
	}
	return 0
}

// encode returns JSON of texts and of what is made of them.
func encode(value any) []byte {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	_ = to.Encode(value) // which can always be written
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
