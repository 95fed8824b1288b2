package agent

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// traceHeader is the trace that a call is part of (W3C Trace Context).
const traceHeader = "Traceparent"

const contentTypeJSON = "application/json"

// eventAttributes are those that every CloudEvent has.
var eventAttributes = []string{"specversion", "id", "source", "type"}

// requestOf returns header and body with which a function's server is asked. An input that an event
// caused is sent as CloudEvents' HTTP binding has it in binary mode. The error tells the function's
// owner what is wrong with the input.
func requestOf(c faas.Call) (http.Header, []byte, error) {
	header := http.Header{"User-Agent": {"openstack-faas"}, ExecutionHeader: {c.ExecutionID}}
	if c.Trace != "" {
		header[traceHeader] = []string{c.Trace}
	}
	event, rest, err := eventOf(c.Input)
	if err != nil {
		return nil, nil, err
	}
	if event == nil {
		header["Content-Type"] = []string{contentTypeJSON}
		return header, bodyOf(c.Input), nil
	}
	contentType, body, err := eventData(event)
	if err != nil {
		return nil, nil, err
	}
	if rest != nil { // the template's, in the place of the data that it was made of
		contentType, body = contentTypeJSON, rest
		delete(event, "dataschema")
	}
	if contentType != "" {
		header["Content-Type"] = []string{contentType}
	}
	return header, body, addAttributes(header, event)
}

// eventOf returns the members of the event that an input has, nil when it has none, and as JSON what
// the input has beside it, nil for nothing.
func eventOf(input json.RawMessage) (event map[string]json.RawMessage, rest json.RawMessage, err error) {
	if !bytes.Contains(input, []byte(faas.EventInput)) {
		return nil, nil, nil
	}
	members := membersOf(input)
	raw, ok := members[faas.EventInput]
	if !ok {
		return nil, nil, nil
	}
	if event = membersOf(raw); event == nil {
		return nil, nil, noEvent("it must be a JSON object")
	}
	delete(members, faas.EventInput)
	if len(members) > 0 {
		rest, err = json.Marshal(members)
	}
	return event, rest, err
}

// membersOf returns the members of a JSON object, nil for other JSON.
func membersOf(raw json.RawMessage) (members map[string]json.RawMessage) {
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	return members
}

func noEvent(why string) error {
	return fmt.Errorf("The input's '%s' is not a CloudEvent: %s.", faas.EventInput, why) //nolint:revive,staticcheck // users read it
}

// eventData takes the data out of an event and returns it as a body, with its type.
func eventData(event map[string]json.RawMessage) (contentType string, body []byte, err error) {
	var text, encoded *string
	for name, into := range map[string]**string{"datacontenttype": &text, "data_base64": &encoded} {
		if raw, ok := event[name]; ok && json.Unmarshal(raw, into) != nil {
			return "", nil, noEvent(name + " must be a string")
		}
	}
	data := event["data"]
	for _, name := range []string{"datacontenttype", "data_base64", "data"} {
		delete(event, name)
	}
	if text != nil {
		contentType = *text
	}
	if strings.ContainsFunc(contentType, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", nil, noEvent("its datacontenttype is no type of content")
	}
	switch {
	case encoded != nil:
		if body, err = base64.StdEncoding.DecodeString(*encoded); err != nil {
			return "", nil, noEvent("data_base64 is not base64")
		}
		return contentType, body, nil
	case data == nil:
		return contentType, nil, nil
	case contentType == "": // CloudEvents' JSON format has it so
		return contentTypeJSON, data, nil
	}
	var plain string
	if !isAnyJSON(contentType) && json.Unmarshal(data, &plain) == nil {
		data = []byte(plain)
	}
	return contentType, data, nil
}

// isAnyJSON reports what CloudEvents takes for JSON: any type whose subtype says it.
func isAnyJSON(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
}

// addAttributes adds an event's attributes, without its data, as headers.
func addAttributes(header http.Header, event map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(event)) {
		value, err := attributeText(event[name])
		switch {
		case err != nil:
			return noEvent(fmt.Sprintf("%q must be a string, a number or a boolean", name))
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || name == "":
			return noEvent(fmt.Sprintf("%q is no name of an attribute, which has lower-case letters and digits", name))
		case value != "":
			header["ce-"+name] = []string{percentEncode(value)}
		}
	}
	var lacks []string
	for _, name := range eventAttributes {
		if header["ce-"+name] == nil {
			lacks = append(lacks, name)
		}
	}
	if lacks != nil {
		return noEvent("it lacks " + strings.Join(lacks, ", "))
	}
	return nil
}

// attributeText returns an attribute's value as text, "" for null.
func attributeText(raw json.RawMessage) (text string, err error) {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '"':
		err = json.Unmarshal(raw, &text)
		return text, err
	case '{', '[':
		return "", errProtocol
	case 'n':
		return "", nil
	}
	return string(raw), nil
}

// percentEncode makes text a header's value: what is not printable ASCII, the space, the quote and
// the percent sign are written as CloudEvents wants it.
func percentEncode(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == '"' || c == '%' {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
