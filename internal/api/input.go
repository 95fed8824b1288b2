package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonscan"
)

// maxDepth is how deep an input's arrays and objects may be nested: as deep as every language's
// parser goes.
const maxDepth = 200

// inputField returns the input as it is recorded and as workers get it: the JSON of an object, "" for
// none. Clients send a string: the JSON of an object is that object, other JSON is one positional
// argument, and so is a word that is no JSON. An object that is not wrapped into a string is taken
// too.
func inputField(o *fields.Object, name string, most int64) string {
	raw, ok := o.Get(name)
	if !ok {
		return ""
	}
	text := string(raw)
	if raw[0] == '"' {
		if text, ok = textOf(raw); !ok {
			o.Refuse("%s must be a string or a JSON object.", name)
			return ""
		}
	}
	if raw[0] != '"' && raw[0] != '{' {
		o.Refuse("%s must be a string or a JSON object; it is %s.", name, request.Short(text))
		return ""
	}
	if int64(len(text)) > most {
		o.RefuseLarge("%s must be at most %d bytes; it has %d.", name, most, len(text))
		return ""
	}
	if text == "" {
		return ""
	}
	return normalInput(o, name, text)
}

// textOf returns what a JSON string says. Input is the one field that may be large.
func textOf(raw json.RawMessage) (text string, ok bool) {
	if utf8.Valid(raw) {
		if said, err := jsonscan.Unescape(make([]byte, 0, len(raw)), raw[1:len(raw)-1]); err == nil {
			return string(said), true
		}
	}
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}

// normalInput returns the JSON of an object for what a client wrote.
func normalInput(o *fields.Object, name, text string) string {
	var compact bytes.Buffer
	compact.Grow(len(text))
	if json.Compact(&compact, []byte(text)) != nil {
		word, _ := json.Marshal(text) // a string: cannot fail
		return `{"` + faas.PlainInput + `":` + string(word) + `}`
	}
	if faas.NestedDeeper(compact.Bytes(), maxDepth) {
		o.Refuse("%s must not be nested deeper than %d levels.", name, maxDepth)
		return ""
	}
	if compact.Bytes()[0] == '{' {
		return compact.String()
	}
	return `{"` + faas.PlainInput + `":` + compact.String() + `}`
}
