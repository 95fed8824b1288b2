package event

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// Event is a CloudEvent of version 1.0.
type Event = cloudevents.Event

// New returns an event that has nothing but a version.
func New() Event { return cloudevents.New() }

// MaxAttributes bounds an event's attributes: the bytes of all names and values together. What a
// filter may cost follows from it.
const MaxAttributes = 4 << 10

// Depth returns how many executions there were in a row, each caused by the one before.
func Depth(e Event) int { return number(e, faas.EventDepth) }

// WithDepth returns the event with another depth; e stays as it is.
func WithDepth(e Event, depth int) Event { return with(e, faas.EventDepth, depth) }

// Attempt returns which attempt of the event this is, 1 for the first.
func Attempt(e Event) int { return max(1, number(e, faas.EventAttempt)) }

// WithAttempt returns the event as that attempt; e stays as it is.
func WithAttempt(e Event, attempt int) Event { return with(e, faas.EventAttempt, attempt) }

// number returns an extension's number. Senders write what they like: anything that is no number
// from 0 on is 0.
func number(e Event, name string) int {
	value, ok := extension(e, name)
	if !ok {
		return 0
	}
	n, err := types.ToInteger(value)
	if err != nil {
		return 0
	}
	return max(0, int(n))
}

func with(e Event, name string, value any) Event {
	e.Context = e.Context.Clone() // copies of an event share it
	if err := e.Context.SetExtension(name, value); err != nil {
		panic(err) // a name or a value of ours is wrong
	}
	return e
}

// setSubject sets the subject as it is: the library's own way cuts off spaces, which are a part of
// an object's name.
func setSubject(e *Event, subject string) {
	if v1, ok := e.Context.(*cloudevents.EventContextV1); ok && subject != "" {
		v1.Subject = &subject
	}
}

// extension returns an attribute that CloudEvents does not define.
func extension(e Event, name string) (any, bool) {
	if v1, ok := e.Context.(*cloudevents.EventContextV1); ok {
		value, ok := v1.Extensions[name] // e.Extensions() copies the map
		return value, ok
	}
	return nil, false
}

// attribute returns an attribute in CloudEvents' canonical text; ok is false when there is none.
func attribute(e Event, name string) (value string, ok bool) {
	switch name {
	case "specversion":
		value = e.SpecVersion()
	case "id":
		value = e.ID()
	case "source":
		value = e.Source()
	case "type":
		value = e.Type()
	case "subject":
		value = e.Subject()
	case "datacontenttype":
		value = e.DataContentType()
	case "dataschema":
		value = e.DataSchema()
	case "time":
		if t := e.Time(); !t.IsZero() {
			value = types.FormatTime(t)
		}
	default:
		if v, found := extension(e, name); found {
			value, _ = types.Format(v)
		}
	}
	return value, value != ""
}

// attributes are those that CloudEvents defines, in the order in which they are written.
var attributes = []string{
	"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
}

// checkName says what is wrong with the name of an attribute.
func checkName(name string) error {
	switch {
	case name == "data" || name == "data_base64":
		return fmt.Errorf("%s is no attribute: what is in an event's data has the dialect \"data\"", name)
	case name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return fmt.Errorf("%q is no name of an attribute: those are of the letters a to z and digits", clip(name))
	}
	return nil
}

// check says what keeps the event from being a CloudEvent that this package works with.
func check(e Event) error {
	v1, ok := e.Context.(*cloudevents.EventContextV1)
	if !ok {
		return faas.Errorf(faas.Invalid, "the event is of CloudEvents %q, not \"1.0\"", e.SpecVersion())
	}
	if err := e.Validate(); err != nil {
		return faas.Errorf(faas.Invalid, "the event is no CloudEvent: %s", oneLine(err))
	}
	for _, name := range slices.Concat(attributes, slices.Sorted(maps.Keys(v1.Extensions))) {
		if value, _ := attribute(e, name); !utf8.ValidString(value) {
			return faas.Errorf(faas.Invalid, "the event's %s is not UTF-8", name)
		}
	}
	return checkSize(e)
}

// checkSize says whether the event has more attributes than may be.
func checkSize(e Event) error {
	size := 0
	add := func(name string) {
		value, _ := attribute(e, name)
		size += len(name) + len(value)
	}
	for _, name := range attributes {
		add(name)
	}
	if v1, ok := e.Context.(*cloudevents.EventContextV1); ok {
		for name := range v1.Extensions {
			add(name)
		}
	}
	if size > MaxAttributes {
		return faas.Errorf(faas.Invalid, "the event's attributes are %d bytes, more than the %d that may be",
			size, MaxAttributes)
	}
	return nil
}

// oneLine returns the message of the library's errors: theirs have a line for each attribute, in
// any order.
func oneLine(err error) string {
	var wrong cloudevents.ValidationError
	if !errors.As(err, &wrong) {
		return clip(err.Error())
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		all = append(all, name+": "+wrong[name].Error())
	}
	return clip(strings.Join(all, "; "))
}

// clip shortens what somebody sent to what fits into a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
