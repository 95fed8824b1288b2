package faas

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Variables are variables of a function's environment as they are kept: a JSON object of names and
// values, sorted by name; "" for none. Of a function's secrets the values are sealed. It is text, so
// that what has it can be compared.
type Variables string

// The bounds of a function's environment, and of its secrets.
const (
	MaxVariables     = 100     // of each
	MaxVariableName  = 128     // bytes
	MaxVariablesSize = 4 << 10 // bytes of all names and values of each
)

// NewVariables returns the variables of these names and values.
func NewVariables(values map[string]string) Variables {
	if len(values) == 0 {
		return ""
	}
	text, _ := PlainJSON(values) // sorts the names; cannot fail
	return Variables(text)
}

// Map returns the values by their names.
func (v Variables) Map() map[string]string {
	values := map[string]string{}
	if v != "" {
		_ = json.Unmarshal([]byte(v), &values) // NewVariables made it
	}
	return values
}

// Names returns the names in order.
func (v Variables) Names() []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(v.Map()))))
}

// variableName is what shells, Python and Kubernetes all take for the name of a variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// CheckVariableName returns what is wrong with the name of a variable, to follow it in a sentence;
// "" when nothing is.
func CheckVariableName(name string) string {
	switch {
	case !variableName.MatchString(name):
		return "must be letters of ASCII, digits and underscores, and begin with no digit"
	case len(name) > MaxVariableName:
		return fmt.Sprintf("must have at most %d bytes; it has %d", MaxVariableName, len(name))
	case name == "PORT" || strings.HasPrefix(name, "FAAS_"):
		return "is the service's own: PORT, and what begins with FAAS_; another name is needed"
	}
	return ""
}

// Environment is what a function's code finds in its environment, the secrets opened. However it is
// printed or logged, only the number of variables is told; as JSON it is whole, for the worker.
type Environment map[string]string

// String returns how many variables there are, and nothing of them.
func (e Environment) String() string { return fmt.Sprintf("%d variables", len(e)) }

// GoString returns how many variables there are, and nothing of them.
func (e Environment) GoString() string { return e.String() }

// LogValue returns how many variables there are, and nothing of them.
func (e Environment) LogValue() slog.Value { return slog.StringValue(e.String()) }
