package fields

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

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonscan"
)

// Object is the fields that a request sets, whether they came as JSON or as a form. A field that is
// absent or null is not set. Its getters remember the first thing that was wrong, so that a handler
// asks for all it needs and then once for fault.
type Object struct {
	Fields map[string]json.RawMessage
	Wrong  error
}

// ReadObject takes the JSON object that is the request's body. A field that is not among the known
// is refused.
func (b Bodies) ReadObject(r *http.Request, known ...string) (*Object, error) {
	body, err := b.Read(r)
	if err != nil {
		return nil, err
	}
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "application/json", "": // what has no type can only be JSON here
	default:
		return nil, faas.Errorf(faas.UnsupportedMedia, "The body must be application/json; it is %s.", request.Short(media))
	}
	return ParseObject(body, known...)
}

// ReadObjectOrNothing is readObject for a request whose body may be left out.
func (b Bodies) ReadObjectOrNothing(r *http.Request, known ...string) (*Object, error) {
	if r.ContentLength == 0 {
		return &Object{}, nil
	}
	return b.ReadObject(r, known...)
}

// ParseObject takes a JSON object. A field that is not among the known is refused.
func ParseObject(body []byte, known ...string) (*Object, error) {
	o := &Object{}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, faas.Errorf(faas.Invalid, "The body is empty; a JSON object is needed.")
	}
	if fields, ok := membersOf(body); ok {
		o.Fields = fields
	} else if err := json.Unmarshal(body, &o.Fields); err != nil {
		return nil, faas.Errorf(faas.Invalid, "The body must be a JSON object: %s.", JSONFault(err)).WithCause(err)
	}
	if o.Fields == nil {
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

// JSONFault says in words for the caller what is wrong with some JSON.
func JSONFault(err error) string {
	switch e := err.(type) { //nolint:errorlint // encoding/json returns these unwrapped
	case *json.SyntaxError:
		return strings.TrimSuffix(e.Error(), ".") + " at byte " + strconv.FormatInt(e.Offset, 10)
	case *json.UnmarshalTypeError:
		return "it is a JSON " + e.Value
	}
	return "it is malformed"
}

// only refuses fields other than the known, naming the first in alphabetical order.
func (o *Object) only(known []string) error {
	strange := false
	for name := range o.Fields {
		strange = strange || !slices.Contains(known, name)
	}
	if !strange {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		if !slices.Contains(known, name) {
			return faas.Errorf(
				faas.Invalid, "There is no field %q here; the fields are %s.", request.Short(name),
				strings.Join(known, ", "),
			)
		}
	}
	return nil
}

// Fault is the first thing that was wrong.
func (o *Object) Fault() error { return o.Wrong }

// Refuse remembers that something is wrong, unless something was already.
func (o *Object) Refuse(format string, args ...any) {
	if o.Wrong == nil {
		o.Wrong = faas.Errorf(faas.Invalid, format, args...)
	}
}

// RefuseLarge is refuse for what is too large.
func (o *Object) RefuseLarge(format string, args ...any) {
	if o.Wrong == nil {
		o.Wrong = faas.Errorf(faas.TooLarge, format, args...)
	}
}

// Get returns a field that is set.
func (o *Object) Get(name string) (json.RawMessage, bool) {
	raw, ok := o.Fields[name]
	return raw, ok && string(raw) != "null"
}

// MaxLine is how many letters names, descriptions and the like may have: the columns of the
// database are made for it.
const MaxLine = faas.MaxNameLength

// Text returns a string of at most so many letters, nil when it is not set.
func (o *Object) Text(name string, most int) *string {
	raw, ok := o.Get(name)
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		o.Refuse("%s must be a string; it is %s.", name, request.Short(string(raw)))
		return nil
	}
	if utf8.RuneCountInString(text) > most {
		o.Refuse("%s must be at most %d characters long; it has %d.", name, most, utf8.RuneCountInString(text))
		return nil
	}
	if strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }) {
		o.Refuse("%s must not contain control characters.", name)
		return nil
	}
	return &text
}

// Line returns a name, a description or the like; "" when it is not set.
func (o *Object) Line(name string) string {
	return ValueOr(o.Text(name, MaxLine), "")
}

// id returns a UUID; "" when it is not set or empty.
func (o *Object) id(name string) string {
	raw, ok := o.Get(name)
	if !ok {
		return ""
	}
	var id string
	if json.Unmarshal(raw, &id) != nil || id != "" && !faas.IsID(id) {
		o.Refuse("%s must be a UUID; it is %s.", name, request.Short(string(raw)))
		return ""
	}
	return strings.ToLower(id)
}

// IDOrName returns the id of what a field names; "" when it is not set or empty. It asks nothing of
// the store for a request that is wrong already.
func (o *Object) IDOrName(r *http.Request, id faas.Identity, name string, find request.ByName) string {
	if !request.TakesNames(r) {
		return o.id(name)
	}
	raw, ok := o.Get(name)
	if !ok {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		o.Refuse("%s must be a UUID or a name; it is %s.", name, request.Short(string(raw)))
		return ""
	}
	if text == "" || o.Wrong != nil {
		return ""
	}
	found, err := request.Resolve(r, id, name, text, find)
	if err != nil {
		o.Wrong = err
	}
	return found
}

// Flag returns a truth value, which forms write as text.
func (o *Object) Flag(name string, initial bool) bool {
	raw, ok := o.Get(name)
	if !ok {
		return initial
	}
	switch strings.ToLower(strings.Trim(string(raw), `"`)) {
	case "true":
		return true
	case "false":
		return false
	}
	o.Refuse("%s must be true or false; it is %s.", name, request.Short(string(raw)))
	return initial
}

// Number returns a whole number within the range, which clients also write as text; nil when it is
// not set.
func (o *Object) Number(name, unit string, least, most int64) *int64 {
	raw, ok := o.Get(name)
	if !ok {
		return nil
	}
	digits := string(raw)
	if len(digits) > 1 && digits[0] == '"' {
		digits = strings.TrimSpace(digits[1 : len(digits)-1])
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		o.Refuse("%s must be a whole number; it is %s.", name, request.Short(string(raw)))
		return nil
	}
	if n < least || n > most {
		o.Refuse("%s must be from %d to %d%s; it is %d.", name, least, most, unit, n)
		return nil
	}
	return &n
}

// ValueOr returns what v points to, or initial where it is nil.
func ValueOr[T any](v *T, initial T) T {
	if v == nil {
		return initial
	}
	return *v
}
