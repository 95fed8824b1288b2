package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// askedCode is the field code: where the function's code comes from.
type askedCode struct {
	Source string     `json:"source"`
	MD5    string     `json:"md5sum"`
	Swift  *swiftView `json:"swift"`
	Image  string     `json:"image"`

	Protocol string `json:"protocol"` // ours: of image functions; "" is run, as in Qinling

	// Ours, since v18: as whom the image is pulled; nil is not set, "" nobody.
	User     *string      `json:"registry_username"`
	Password *faas.Secret `json:"registry_password"`
}

// codeField returns the field code, which clients send as an object or as the JSON text of one; nil when
// it is not set. known are the names of its fields.
func codeField(o *fields.Object, known []string) *askedCode {
	raw, ok := o.Get("code")
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	code := &askedCode{}
	if fault := parseCode(raw, code, known); fault != "" {
		o.Refuse("%s", fault)
		return nil
	}
	if fault := code.fault(); fault != "" {
		o.Refuse("%s", fault)
		return nil
	}
	return code
}

// codeFieldsOf returns the fields of code at the request's microversion.
func codeFieldsOf(r *http.Request) []string {
	return fieldsSince(r, request.V18, slices.Clone(codeFields), "registry_username", "registry_password")
}

// The fields of code, and of code.swift. As encoding/json, the service takes them in any case of
// letters.
var (
	codeFields  = []string{"source", "md5sum", "swift", "image", "protocol"}
	swiftFields = []string{"container", "object"}
)

// parseCode fills code from JSON. It returns a message that names the first part that is wrong; ""
// when nothing is.
func parseCode(raw json.RawMessage, code *askedCode, known []string) string {
	const shape = `code must be a JSON object such as {"source": "package", "md5sum": "…"}; it is `
	shown := request.Short(string(raw))
	if strings.Contains(strings.ToLower(string(raw)), "password") {
		shown = "not, and not repeated here because it may hold a password"
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return shape + shown + "."
	}
	if name, found := unknownField(fields, known); found {
		return fmt.Sprintf("There is no field %q in code; the fields are %s.", request.Short(name), strings.Join(known, ", "))
	}
	err := json.Unmarshal(raw, code)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Sprintf("code.%s must be %s; it is a JSON %s.", wrong.Field, jsonKind(wrong.Type), wrong.Value)
	}
	if err != nil {
		return shape + shown + "."
	}
	return unknownInSwift(fields)
}

// unknownInSwift returns a message that names a field of code.swift that does not exist; "" when
// all do.
func unknownInSwift(code map[string]json.RawMessage) string {
	for name, raw := range code {
		var fields map[string]json.RawMessage
		if !strings.EqualFold(name, "swift") || json.Unmarshal(raw, &fields) != nil {
			continue
		}
		if name, found := unknownField(fields, swiftFields); found {
			return fmt.Sprintf(
				"There is no field %q in code.swift; the fields are %s.", request.Short(name), strings.Join(swiftFields, ", "),
			)
		}
	}
	return ""
}

// unknownField returns the first name, in alphabetical order, that is not among the known.
func unknownField(fields map[string]json.RawMessage, known []string) (name string, found bool) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return name, true
		}
	}
	return "", false
}

// jsonKind returns the name of the JSON value that a Go type takes.
func jsonKind(t reflect.Type) string {
	if t.Kind() == reflect.String {
		return "a string"
	}
	return "an object"
}

// fault says what is wrong with the code's shape; "" for nothing.
func (c *askedCode) fault() string {
	if fault := c.registryFault(); fault != "" {
		return fault
	}
	switch faas.CodeSource(c.Source) {
	case faas.SourcePackage:
		return ""
	case faas.SourceSwift:
		if c.Swift == nil || c.Swift.Container == "" || c.Swift.Object == "" {
			return `code with the source swift needs {"swift": {"container": …, "object": …}}.`
		}
		if err := swiftcode.Names(c.Swift.Container, c.Swift.Object); err != nil {
			return messageOf(err)
		}
		return ""
	case faas.SourceImage:
		if !imageForm.MatchString(c.Image) {
			return fmt.Sprintf("code.image must be the reference of a container image; it is %q.", request.Short(c.Image))
		}
		if p := faas.Protocol(c.Protocol); p != "" && p != faas.ProtocolRun && p != faas.ProtocolHTTP {
			return "code.protocol must be run or http; it is " + request.Short(c.Protocol) + "."
		}
		return ""
	case "":
		return "code must name its source: package, swift or image."
	}
	return "code.source must be package, swift or image; it is " + request.Short(c.Source) + "."
}

const (
	maxRegistryUser     = 255  // letters
	maxRegistryPassword = 1024 // bytes; tokens of some registries are that long
)

// registryFault says what is wrong with the user of a registry; "" for nothing.
func (c *askedCode) registryFault() string {
	switch {
	case c.User == nil && c.Password == nil:
		return ""
	case faas.CodeSource(c.Source) != faas.SourceImage:
		return "code.registry_username and code.registry_password are of container images; leave them out."
	case c.User == nil || c.Password == nil || (*c.User == "") != (*c.Password == ""):
		return `code.registry_username and code.registry_password go together; both "" pull the image as nobody.`
	case utf8.RuneCountInString(*c.User) > maxRegistryUser || strings.ContainsAny(*c.User, ":\x00\r\n"):
		return fmt.Sprintf("code.registry_username may have %d letters, and neither colons nor line breaks.", maxRegistryUser)
	case len(*c.Password) > maxRegistryPassword || strings.ContainsAny(c.Password.Reveal(), "\x00\r\n"):
		return fmt.Sprintf("code.registry_password may have %d bytes, and no line breaks.", maxRegistryPassword)
	}
	return ""
}

// ofImage returns the code of an image as it is recorded.
func (c *askedCode) ofImage() faas.Code {
	return faas.Code{Source: faas.SourceImage, Image: c.Image, Protocol: cmp.Or(faas.Protocol(c.Protocol), faas.ProtocolRun)}
}

// changedCodeField returns what the form says of the code in either way; nil when it says nothing.
func changedCodeField(f *fields.Form, known []string) *askedCode {
	code := codeField(&f.Object, known)
	source, md5 := f.Text("source", request.MaxQuoted), f.Text("md5sum", request.MaxQuoted)
	if source == nil && md5 == nil {
		return code
	}
	if code != nil {
		f.Refuse("The form has code and also source or md5sum; send either code or the other two.")
		return nil
	}
	code = &askedCode{Source: fields.ValueOr(source, string(faas.SourcePackage)), MD5: fields.ValueOr(md5, "")}
	if fault := code.fault(); fault != "" {
		f.Refuse("%s", fault)
	}
	return code
}
