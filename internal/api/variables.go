package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// environmentField returns the variables of the field environment, which forms write as the JSON
// text of an object; nil when it is not set.
func environmentField(o *fields.Object) *faas.Variables {
	values := variablesField(o, "environment", false)
	if values == nil {
		return nil
	}
	plain := make(map[string]string, len(values))
	for name, value := range values {
		plain[name] = *value
	}
	checkVariables(o, "environment", len(plain), sizeOf(plain))
	environment := faas.NewVariables(plain)
	return &environment
}

// secretsField returns what the field secrets changes, nil where a name is to be removed; nil when
// it is not set.
func secretsField(o *fields.Object) map[string]*string { return variablesField(o, "secrets", true) }

// variablesField returns the members of a field that is an object of texts. What is wrong is told
// without any value: a secret may have got into the wrong field.
func variablesField(o *fields.Object, field string, removes bool) map[string]*string {
	raw, ok := o.Get(field)
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		o.Refuse(`%s must be a JSON object of names and texts, such as {"NAME": "value"}.`, field)
		return nil
	}
	values := make(map[string]*string, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if wrong := faas.CheckVariableName(name); wrong != "" {
			o.Refuse("The name %q in %s %s.", request.Short(name), field, wrong)
		}
		var value *string
		switch err := json.Unmarshal(members[name], &value); {
		case err != nil || value == nil && !removes:
			o.Refuse("%s.%s must be a string.", field, request.Short(name))
		case value != nil && strings.ContainsRune(*value, 0):
			o.Refuse("%s.%s must not contain a NUL character.", field, request.Short(name))
		}
		values[name] = value
	}
	if o.Wrong != nil {
		return nil
	}
	return values
}

// checkVariables refuses more variables than a function may have.
func checkVariables(o *fields.Object, field string, count, size int) {
	if err := tooManyVariables(field, count, size); err != nil && o.Wrong == nil {
		o.Wrong = err
	}
}

func tooManyVariables(field string, count, size int) error {
	switch {
	case count > faas.MaxVariables:
		return faas.Errorf(faas.Invalid, "%s must have at most %d names; it has %d.", field, faas.MaxVariables, count)
	case size > faas.MaxVariablesSize:
		return faas.Errorf(faas.Invalid, "The names and values in %s must have at most %d bytes together; they have %d.",
			field, faas.MaxVariablesSize, size)
	}
	return nil
}

// sizeOf returns how many bytes the names and values have together.
func sizeOf(values map[string]string) int {
	size := 0
	for name, value := range values {
		size += len(name) + len(value)
	}
	return size
}

// setVariables sets the environment and the secrets of a new function.
func (h *functionHandlers) setVariables(
	f *faas.Function, environment *faas.Variables, secrets map[string]*string,
) error {
	var change store.FunctionChange
	if err := h.changeVariables(*f, &change, environment, secrets); err != nil {
		return err
	}
	f.Environment, f.Secrets = fields.ValueOr(change.Environment, ""), fields.ValueOr(change.Secrets, "")
	return nil
}

// changeVariables adds to the change of a function its environment, which takes the place of the one
// before, and its secrets, of which those stay that the request does not name. The change is then of
// the revision that was looked at: of two requests that each set a secret none is lost.
func (h *functionHandlers) changeVariables(
	before faas.Function, change *store.FunctionChange, environment *faas.Variables, secrets map[string]*string,
) error {
	if environment == nil && secrets == nil {
		return nil
	}
	change.Environment, change.Revision = environment, before.Revision
	sealed := before.Secrets
	if secrets != nil {
		var err error
		if sealed, err = h.sealedAfter(before, secrets); err != nil {
			return err
		}
		change.Secrets = &sealed
	}
	plain := fields.ValueOr(environment, before.Environment).Map()
	for _, name := range sealed.Names() {
		if _, both := plain[name]; both {
			return faas.Errorf(faas.Invalid,
				"The name %s is in environment and in secrets; remove it from one of them.", name)
		}
	}
	return nil
}

// sealedAfter returns the secrets of the function after the change.
func (h *functionHandlers) sealedAfter(before faas.Function, change map[string]*string) (faas.Variables, error) {
	if h.variables == nil {
		return "", faas.Errorf(faas.Invalid, "This deployment keeps no secrets of functions.")
	}
	sealed, size := before.Secrets.Map(), 0
	for name, value := range change {
		if value == nil {
			delete(sealed, name)
		} else {
			sealed[name] = h.variables.Seal(before.ID, name, faas.Secret(*value))
		}
	}
	for name, text := range sealed {
		size += len(name) + h.variables.Size(text)
	}
	return faas.NewVariables(sealed), tooManyVariables("secrets", len(sealed), size)
}

func viewVariables(environment, secrets faas.Variables) (*map[string]string, *[]string) {
	values, names := environment.Map(), secrets.Names()
	return &values, &names
}
