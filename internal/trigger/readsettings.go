package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// MaxSettings is how many bytes the settings of a trigger may have.
const MaxSettings = 8 << 10

// ReadSettings reads the settings of a source, a JSON object with no other members than the known,
// into to. Absent settings are an empty object. An error is a *faas.Error of kind Invalid.
func ReadSettings(raw json.RawMessage, to any, known ...string) error {
	if len(raw) > MaxSettings {
		return faas.Errorf(faas.TooLarge, "settings must be at most %d bytes; it has %d.", MaxSettings, len(raw))
	}
	if len(bytes.TrimSpace(raw)) == 0 || string(bytes.TrimSpace(raw)) == "null" {
		raw = json.RawMessage("{}")
	}
	return ReadObject("settings", raw, to, known...)
}

// ReadObject reads a JSON object with no other members than the known into to. An error is a
// *faas.Error of kind Invalid that calls the object what it is called.
func ReadObject(called string, raw json.RawMessage, to any, known ...string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return faas.Errorf(faas.Invalid, "%s must be a JSON object.", called)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return faas.Errorf(faas.Invalid, "%s has no member %q for this source; its members are %s.",
				called, clip(name), strings.Join(known, ", "))
		}
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, to); errors.As(err, &wrong) {
		return faas.Errorf(faas.Invalid, "%s.%s must be a JSON %s; it is a %s.", called, wrong.Field, kindOf(wrong),
			wrong.Value)
	} else if err != nil {
		return faas.Errorf(faas.Invalid, "%s can not be read: %s.", called, err)
	}
	return nil
}

// kindOf returns what JSON calls the type that was wanted.
func kindOf(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); {
	case strings.HasPrefix(kind, "int"), strings.HasPrefix(kind, "uint"), strings.HasPrefix(kind, "float"):
		return "number"
	case kind == "slice":
		return "array"
	case kind == "struct", kind == "map":
		return "object"
	case kind == "bool":
		return "boolean"
	default:
		return kind
	}
}

// OneOf refuses a text that is none of the allowed.
func OneOf[T ~string](called string, text T, allowed ...T) error {
	if slices.Contains(allowed, text) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, one := range allowed {
		names[i] = string(one)
	}
	return faas.Errorf(
		faas.Invalid, "%s is %q; it must be one of: %s.", called, clip(string(text)), strings.Join(names, ", "),
	)
}

// Clip returns what somebody else wrote as messages repeat it: its beginning.
func Clip(text string) string { return clip(text) }

// maxShown is how many bytes of a name of the caller's a message repeats.
const maxShown = 100

func clip(text string) string {
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
