package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonscan"
)

// object is the fields that a request sets, whether they came as JSON or as a form. A field that is
// absent or null is not set. Its getters remember the first thing that was wrong, so that a handler
// asks for all it needs and then once for fault.
type object struct {
	fields map[string]json.RawMessage
	wrong  error
}

// readObject takes the JSON object that is the request's body. A field that is not among the known
// is refused.
func (b bodies) readObject(r *http.Request, known ...string) (*object, error) {
	body, err := b.read(r)
	if err != nil {
		return nil, err
	}
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "application/json", "": // what has no type can only be JSON here
	default:
		return nil, faas.Errorf(faas.UnsupportedMedia, "The body must be application/json; it is %s.", short(media))
	}
	return parseObject(body, known...)
}

// readObjectOrNothing is readObject for a request whose body may be left out.
func (b bodies) readObjectOrNothing(r *http.Request, known ...string) (*object, error) {
	if r.ContentLength == 0 {
		return &object{}, nil
	}
	return b.readObject(r, known...)
}

func parseObject(body []byte, known ...string) (*object, error) {
	o := &object{}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, faas.Errorf(faas.Invalid, "The body is empty; a JSON object is needed.")
	}
	if fields, ok := membersOf(body); ok {
		o.fields = fields
	} else if err := json.Unmarshal(body, &o.fields); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The body must be a JSON object: %s.", jsonFault(err)).WithCause(err)
	}
	if o.fields == nil {
		return nil, faas.Errorf(faas.Invalid, "The body must be a JSON object: it is null.")
	}
	return o, o.only(known)
}

// membersOf returns the members of an ordinary object, looked through once. It reports false for
// what is not one: encoding/json knows best what to make of that.
func membersOf(body []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(body) {
		return nil, false
	}
	fields, ordinary := make(map[string]json.RawMessage, 8), true
	err := jsonscan.Members(body, func(name, value []byte) {
		ordinary = ordinary && utf8.Valid(name)
		fields[string(name)] = value
	})
	return fields, err == nil && ordinary
}

// jsonFault says in words for the caller what is wrong with some JSON.
func jsonFault(err error) string {
	switch e := err.(type) { //nolint:errorlint // encoding/json returns these unwrapped
	case *json.SyntaxError:
		return strings.TrimSuffix(e.Error(), ".") + " at byte " + strconv.FormatInt(e.Offset, 10)
	case *json.UnmarshalTypeError:
		return "it is a JSON " + e.Value
	}
	return "it is malformed"
}

// only refuses fields other than the known, naming the first in alphabetical order.
func (o *object) only(known []string) error {
	strange := false
	for name := range o.fields {
		strange = strange || !slices.Contains(known, name)
	}
	if !strange {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		if !slices.Contains(known, name) {
			return faas.Errorf(
				faas.Invalid, "There is no field %q here; the fields are %s.", short(name),
				strings.Join(known, ", "),
			)
		}
	}
	return nil
}

// fault is the first thing that was wrong.
func (o *object) fault() error { return o.wrong }

func (o *object) refuse(format string, args ...any) {
	if o.wrong == nil {
		o.wrong = faas.Errorf(faas.Invalid, format, args...)
	}
}

// refuseLarge is refuse for what is too large.
func (o *object) refuseLarge(format string, args ...any) {
	if o.wrong == nil {
		o.wrong = faas.Errorf(faas.TooLarge, format, args...)
	}
}

// get returns a field that is set.
func (o *object) get(name string) (json.RawMessage, bool) {
	raw, ok := o.fields[name]
	return raw, ok && string(raw) != "null"
}

// maxLine is how many letters names, descriptions and the like may have: the columns of the
// database are made for it.
const maxLine = faas.MaxNameLength

// text returns a string of at most so many letters, nil when it is not set.
func (o *object) text(name string, most int) *string {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		o.refuse("%s must be a string; it is %s.", name, short(string(raw)))
		return nil
	}
	if utf8.RuneCountInString(text) > most {
		o.refuse("%s must be at most %d characters long; it has %d.", name, most, utf8.RuneCountInString(text))
		return nil
	}
	if strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		o.refuse("%s must not contain control characters.", name)
		return nil
	}
	return &text
}

// line returns a name, a description or the like; "" when it is not set.
func (o *object) line(name string) string {
	return valueOr(o.text(name, maxLine), "")
}

// id returns a UUID; "" when it is not set or empty.
func (o *object) id(name string) string {
	raw, ok := o.get(name)
	if !ok {
		return ""
	}
	var id string
	if json.Unmarshal(raw, &id) != nil || id != "" && !faas.IsID(id) {
		o.refuse("%s must be a UUID; it is %s.", name, short(string(raw)))
		return ""
	}
	return strings.ToLower(id)
}

// flag returns a truth value, which forms write as text.
func (o *object) flag(name string, initial bool) bool {
	raw, ok := o.get(name)
	if !ok {
		return initial
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		return true
	case "false":
		return false
	}
	o.refuse("%s must be true or false; it is %s.", name, short(string(raw)))
	return initial
}

// number returns a whole number within the range, which clients also write as text; nil when it is
// not set.
func (o *object) number(name, unit string, least, most int64) *int64 {
	raw, ok := o.get(name)
	if !ok {
		return nil
	}
	digits := string(raw)
	if len(digits) > 1 && digits[0] == '"' {
		digits = strings.TrimSpace(digits[1 : len(digits)-1])
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		o.refuse("%s must be a whole number; it is %s.", name, short(string(raw)))
		return nil
	}
	if n < least || n > most {
		o.refuse("%s must be from %d to %d%s; it is %d.", name, least, most, unit, n)
		return nil
	}
	return &n
}

// valueOr returns what v points to, or initial where it is nil.
func valueOr[T any](v *T, initial T) T {
	if v == nil {
		return initial
	}
	return *v
}
