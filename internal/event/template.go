package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
