package main

import (
	"encoding/json"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// get returns what a mapping has under the key; nil where there is nothing.
func get(node *yaml.Node, key string) *yaml.Node {
	for name, one := range pairs(node) {
		if name == key {
			return one
		}
	}
	return nil
}

// value returns the text that a mapping has under the key, "" where there is none.
func value(node *yaml.Node, key string) string {
	if one := get(node, key); one != nil {
		return one.Value
	}
	return ""
}

// pairs returns the keys and values of a mapping, in the order in which they are written.
func pairs(node *yaml.Node) iter.Seq2[string, *yaml.Node] {
	return func(yield func(string, *yaml.Node) bool) {
		if node == nil || node.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i < len(node.Content); i += 2 {
			if !yield(node.Content[i].Value, node.Content[i+1]) {
				return
			}
		}
	}
}

func items(node *yaml.Node) []*yaml.Node {
	if node == nil {
		return nil
	}
	return node.Content
}

// resolve follows a reference to a component.
func (p *page) resolve(node *yaml.Node) *yaml.Node {
	ref := value(node, "$ref")
	if ref == "" {
		return node
	}
	found := p.root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		found = get(found, part)
	}
	return found
}

// typeOf says in a few words what a schema allows; a component is a link to its section.
func (p *page) typeOf(schema *yaml.Node) string {
	if ref := value(schema, "$ref"); ref != "" {
		name := ref[strings.LastIndex(ref, "/")+1:]
		return "[" + name + "](#" + anchor(name) + ")"
	}
	text := ""
	switch {
	case get(schema, "oneOf") != nil:
		text = p.join(get(schema, "oneOf"), " or ")
	case get(schema, "allOf") != nil:
		text = p.join(get(schema, "allOf"), " and ")
	case get(schema, "enum") != nil:
		var values []string
		for _, one := range get(schema, "enum").Content {
			values = append(values, "`"+jsonOf(one)+"`")
		}
		text = strings.Join(values, ", ")
	case value(schema, "type") == "array":
		text = "list of " + p.typeOf(get(schema, "items"))
	case value(schema, "type") == "":
		text = "any JSON"
	default:
		text = p.simple(schema)
	}
	if value(schema, "nullable") == "true" {
		text += " or null"
	}
	return text
}

// simple says what a schema of a type allows, and its fields where they have no section of their
// own.
func (p *page) simple(schema *yaml.Node) string {
	text := value(schema, "type")
	if format := value(schema, "format"); format != "" {
		text += " (" + format + ")"
	}
	var bounds []string
	for _, b := range []struct{ key, what string }{
		{"minimum", "at least "}, {"maximum", "at most "}, {"maxLength", "characters at most: "}, {"pattern", "like "},
		{"default", "default "},
	} {
		switch v := value(schema, b.key); {
		case v == "":
		case b.key == "pattern":
			bounds = append(bounds, b.what+"`"+v+"`")
		default:
			bounds = append(bounds, b.what+v)
		}
	}
	for name, field := range pairs(get(schema, "properties")) {
		bounds = append(bounds, "`"+name+"`: "+p.typeOf(field))
	}
	if len(bounds) > 0 {
		text += ", " + strings.Join(bounds, ", ")
	}
	return text
}

func (p *page) join(of *yaml.Node, with string) string {
	var all []string
	for _, one := range of.Content {
		all = append(all, p.typeOf(one))
	}
	return strings.Join(all, with)
}

// jsonOf returns YAML as JSON.
func jsonOf(node *yaml.Node) string {
	var v any
	if err := node.Decode(&v); err != nil {
		return node.Value
	}
	text, err := json.Marshal(v)
	if err != nil {
		return node.Value
	}
	return string(text)
}

func mark(required bool) string {
	if required {
		return "\\*"
	}
	return ""
}

// cell fits text into a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

// anchor returns what Markdown calls a heading in links.
func anchor(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c), c == '-', c == '_':
			return unicode.ToLower(c)
		case c == ' ':
			return '-'
		}
		return -1
	}, heading)
}

func title(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
