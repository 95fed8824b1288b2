package event

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// Input returns the input of an execution that the event causes: the event under faas.EventInput,
// and the members of an object that a template made. nil is no members.
func Input(e Event, members json.RawMessage) (string, error) {
	object, err := readMembers(members)
	if err != nil {
		return "", err
	}
	return input(e, object)
}

func input(e Event, members map[string]json.RawMessage) (string, error) {
	text, err := Marshal(e)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	writeMember(&b, faas.EventInput, text)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		writeMember(&b, name, members[name])
	}
	b.WriteByte('}')
	return b.String(), nil
}

// readMembers reads the object that stands beside the event.
func readMembers(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, faas.Errorf(faas.Invalid, "what stands beside the event is no JSON object").WithCause(err)
	}
	for name := range members {
		if err := checkMember(name); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// checkMember refuses names that an input has for itself.
func checkMember(name string) error {
	if name == faas.EventInput || name == faas.PlainInput {
		return faas.Errorf(faas.Invalid, "the name %q is taken: inputs of events have it for themselves", name)
	}
	return nil
}

// FromInput returns the event that an execution's input holds; ok is false when it holds none.
func FromInput(input string) (e Event, ok bool, err error) {
	e, _, ok, err = fromInput(input)
	return e, ok, err
}

func fromInput(input string) (e Event, members map[string]json.RawMessage, ok bool, err error) {
	var raw json.RawMessage
	if json.Unmarshal([]byte(input), &members) == nil {
		raw, ok = members[faas.EventInput]
	}
	if !ok {
		return e, nil, false, nil // an input may be anything
	}
	delete(members, faas.EventInput)
	e, err = Unmarshal(raw)
	return e, members, err == nil, err
}

// ReplaceIn returns the input with another event, such as the next attempt, and with the same
// members beside it.
func ReplaceIn(old string, e Event) (string, error) {
	_, members, ok, err := fromInput(old)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", faas.Errorf(faas.Invalid, "the input holds no event")
	}
	return input(e, members)
}
