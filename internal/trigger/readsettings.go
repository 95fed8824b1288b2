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
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return faas.Errorf(faas.Invalid, "settings must be a JSON object.")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return faas.Errorf(faas.Invalid, "settings has no member %q for this source; its members are %s.",
				clip(name), strings.Join(known, ", "))
		}
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(raw, to); errors.As(err, &wrong) {
		return faas.Errorf(faas.Invalid, "settings.%s must be a JSON %s; it is a %s.", wrong.Field, kindOf(wrong),
			wrong.Value)
	} else if err != nil {
		return faas.Errorf(faas.Invalid, "settings can not be read: %s.", err)
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

// maxShown is how many bytes of a name of the caller's a message repeats.
const maxShown = 100

func clip(text string) string {
	if len(text) > maxShown {
		return strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}
