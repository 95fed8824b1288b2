package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// What a template may be, and what may come of it: a few bytes of a template can name all of an
// event's data again and again.
const (
	MaxTemplate      = 8 << 10   // bytes
	MaxMembers       = 256 << 10 // bytes of the object that a template makes
	maxTemplateDepth = 16        // objects and lists within each other
	maxTemplateData  = 1 << 20   // bytes of JSON data that a template looks into, for each ${data.…}
	maxLookups       = 64        // of these
)

// Template makes the members of an input that stand beside the event. It is for any number of
// goroutines.
type Template struct {
	root templateObject
}

// ParseTemplate reads a JSON object in whose texts, at any depth, ${NAME} stands for an attribute
// of the event, ${data} for its data and ${data.PATH} for what is there in JSON data. $${ is ${
// itself. No object is no template: nil, which makes no members.
func ParseTemplate(raw json.RawMessage) (*Template, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if len(raw) > MaxTemplate {
		return nil, faas.Errorf(faas.Invalid, "the template is %d bytes, more than the %d that may be",
			len(raw), MaxTemplate)
	}
	node, err := parseNode("template", raw, 0)
	if err != nil {
		return nil, faas.Errorf(faas.Invalid, "%s", err)
	}
	root, ok := node.(templateObject)
	if !ok {
		return nil, faas.Errorf(faas.Invalid, "the template is no JSON object: %s", clip(string(raw)))
	}
	for _, name := range root.names {
		if err := checkMember(name); err != nil {
			return nil, err
		}
	}
	if n := root.lookups(); n > maxLookups {
		return nil, faas.Errorf(faas.Invalid, "the template has %d placeholders ${data.…}, more than the %d that may be",
			n, maxLookups)
	}
	return &Template{root}, nil
}

// Members returns the object that the template makes of the event.
func (t *Template) Members(e Event) (json.RawMessage, error) {
	if t == nil {
		return nil, nil
	}
	var to memberWriter
	v := &view{event: e}
	if t.root.lookups() > 0 && len(e.DataEncoded) > maxTemplateData {
		return nil, faas.Errorf(faas.Invalid, "the event's data is %d bytes; a template looks into %d at most",
			len(e.DataEncoded), maxTemplateData)
	}
	if err := t.root.write(&to, v); err != nil {
		return nil, err
	}
	return to.made.Bytes(), nil
}

// memberWriter ends the making before it has made too much.
type memberWriter struct{ made bytes.Buffer }

func (w *memberWriter) write(text []byte) error {
	if w.made.Len()+len(text) > MaxMembers {
		return faas.Errorf(faas.Invalid, "what the template makes of the event is more than the %d bytes that may be",
			MaxMembers)
	}
	w.made.Write(text)
	return nil
}

// templateNode is a value of a template.
type templateNode interface {
	write(to *memberWriter, v *view) error
	lookups() int // how many paths into data it has
}

func parseNode(at string, raw json.RawMessage, depth int) (templateNode, error) {
	raw = bytes.TrimSpace(raw)
	if depth++; depth > maxTemplateDepth {
		return nil, fmt.Errorf("%s is deeper than the %d levels that may be", clip(at), maxTemplateDepth)
	}
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return nil, fmt.Errorf("%s is no JSON: %s", clip(at), clip(string(raw)))
	}
	switch raw[0] {
	case '{':
		return parseObject(at, raw, depth)
	case '[':
		var items []json.RawMessage
		_ = json.Unmarshal(raw, &items) // it is valid
		list := make(templateList, len(items))
		for i, item := range items {
			var err error
			if list[i], err = parseNode(fmt.Sprintf("%s[%d]", at, i), item, depth); err != nil {
				return nil, err
			}
		}
		return list, nil
	case '"':
		var text string
		_ = json.Unmarshal(raw, &text)
		parts, err := parseText(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", clip(at), err)
		}
		if len(parts) == 1 && parts[0].literal == "" {
			return parts[0].placeholder, nil
		}
		return parts, nil
	}
	return templateLiteral(raw), nil
}

func parseObject(at string, raw json.RawMessage, depth int) (templateNode, error) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(raw, &members)
	object := templateObject{names: slices.Sorted(maps.Keys(members))}
	for _, name := range object.names {
		value, err := parseNode(at+"."+name, members[name], depth)
		if err != nil {
			return nil, err
		}
		object.values = append(object.values, value)
	}
	return object, nil
}

type templateObject struct {
	names  []string
	values []templateNode
}

func (o templateObject) write(to *memberWriter, v *view) error {
	if err := to.write([]byte("{")); err != nil {
		return err
	}
	for i, name := range o.names {
		begin := append(quote(name), ':')
		if i > 0 {
			begin = append([]byte(","), begin...)
		}
		if err := to.write(begin); err != nil {
			return err
		}
		if err := o.values[i].write(to, v); err != nil {
			return err
		}
	}
	return to.write([]byte("}"))
}

func (o templateObject) lookups() int { return templateList(o.values).lookups() }

type templateList []templateNode

func (l templateList) write(to *memberWriter, v *view) error {
	begin := "["
	for _, item := range l {
		if err := to.write([]byte(begin)); err != nil {
			return err
		}
		if err := item.write(to, v); err != nil {
			return err
		}
		begin = ","
	}
	if len(l) == 0 {
		return to.write([]byte("[]"))
	}
	return to.write([]byte("]"))
}

func (l templateList) lookups() (n int) {
	for _, item := range l {
		n += item.lookups()
	}
	return n
}

// templateLiteral is a number, true, false or null.
type templateLiteral []byte

func (l templateLiteral) write(to *memberWriter, _ *view) error { return to.write(l) }

func (l templateLiteral) lookups() int { return 0 }

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
