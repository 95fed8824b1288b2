package event

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// The library's own reader and writer of JSON are not used. They do not take anything+json for
// JSON, and refuse events that have it for data; they write data that is no JSON into the document
// as it is; and they panic at a data_base64 that is no text.

// Marshal returns the event in CloudEvents' JSON format. Data that is JSON is there byte for byte,
// without the space around it; data of a type text/… is a string, other data is base64.
func Marshal(e Event) (json.RawMessage, error) {
	if err := check(e); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(512 + 4*len(e.DataEncoded)/3)
	for _, name := range attributes {
		if value, ok := attribute(e, name); ok {
			writeMember(&b, name, quote(value))
		}
	}
	v1 := e.Context.(*cloudevents.EventContextV1) // check saw that it is
	for _, name := range slices.Sorted(maps.Keys(v1.Extensions)) {
		writeMember(&b, name, attributeJSON(e, name))
	}
	if name, data := dataJSON(e); name != "" {
		writeMember(&b, name, data)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// dataJSON returns the event's data as JSON, and the name of the member that it is; null and no
// name when the event has none.
func dataJSON(e Event) (name string, value []byte) {
	switch data := e.DataEncoded; {
	case len(data) == 0:
		return "", []byte("null")
	case hasJSON(e):
		return "data", bytes.TrimSpace(data) // a reader of the document does not get it either
	case isText(e.DataContentType()) && utf8.Valid(data):
		return "data", quote(string(data))
	default:
		return "data_base64", quote(base64.StdEncoding.EncodeToString(data))
	}
}

func writeMember(b *bytes.Buffer, name string, value []byte) {
	if b.Len() == 0 {
		b.WriteByte('{')
	} else {
		b.WriteByte(',')
	}
	b.Write(quote(name))
	b.WriteByte(':')
	b.Write(value)
}

// attributeJSON returns an attribute that the event has.
func attributeJSON(e Event, name string) []byte {
	switch value, _ := extension(e, name); value := value.(type) {
	case bool:
		return strconv.AppendBool(nil, value)
	case int32:
		return strconv.AppendInt(nil, int64(value), 10)
	}
	text, _ := attribute(e, name)
	return quote(text)
}

// quote returns the text as JSON, without escaping what only a page of HTML needs escaped.
func quote(s string) []byte { return encode(s) }

// hasJSON reports whether the event's data is JSON, and not only said to be.
func hasJSON(e Event) bool {
	data := e.DataEncoded
	return isJSON(e.DataContentType()) && utf8.Valid(data) && json.Valid(data)
}

// isJSON reports whether data of the type is JSON. An event that names no type has JSON.
func isJSON(contentType string) bool {
	if contentType == "" || contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}

// isText reports whether data of the type is text whose bytes, where they can be, are UTF-8.
func isText(contentType string) bool {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.HasPrefix(media, "text/") && !strings.HasSuffix(media, "/xml") &&
		!strings.HasSuffix(media, "+xml") && media != "application/x-www-form-urlencoded" {
		return false
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "us-ascii":
		return true
	}
	return false
}

// Unmarshal reads an event in CloudEvents' JSON format.
func Unmarshal(raw []byte) (Event, error) {
	e := New()
	if !utf8.Valid(raw) {
		return e, faas.Errorf(faas.Invalid, "the event is not UTF-8")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return e, faas.Errorf(faas.Invalid, "the event is no JSON object").WithCause(err)
	}
	data, base := members["data"], members["data_base64"]
	delete(members, "data")
	delete(members, "data_base64")
	for name, value := range members {
		if err := setJSON(&e, name, value); err != nil {
			return e, err
		}
	}
	if _, ok := members["specversion"]; !ok {
		return e, faas.Errorf(faas.Invalid, "the event has no specversion")
	}
	if err := setData(&e, data, base); err != nil {
		return e, err
	}
	return e, check(e)
}

// setJSON sets an attribute from JSON. null is as good as absent.
func setJSON(e *Event, name string, raw json.RawMessage) error {
	if err := checkName(name); err != nil {
		return faas.Errorf(faas.Invalid, "the event: %s", err)
	}
	var value any
	read := json.NewDecoder(bytes.NewReader(raw))
	read.UseNumber()
	_ = read.Decode(&value) // it is a part of JSON that was read
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return setText(e, name, value)
	case bool:
		if !slices.Contains(attributes, name) {
			return e.Context.SetExtension(name, value)
		}
	case json.Number:
		n, err := strconv.ParseInt(value.String(), 10, 32)
		if err == nil && !slices.Contains(attributes, name) {
			return e.Context.SetExtension(name, int32(n))
		}
	}
	return faas.Errorf(faas.Invalid, "the event's %s is %s: attributes that CloudEvents defines are texts, "+
		"others are texts, true, false or integers of 32 bits", name, clip(string(raw)))
}

// setText sets an attribute from its canonical text, as it is in JSON and in a header.
func setText(e *Event, name, value string) error {
	var err error
	switch to := e.Context; name {
	case "specversion":
		if value != cloudevents.CloudEventsVersionV1 {
			err = faas.Errorf(faas.Invalid, "it is %q, but only \"1.0\" is understood", clip(value))
		}
	case "id":
		err = to.SetID(value)
	case "source":
		err = to.SetSource(value)
	case "type":
		err = to.SetType(value)
	case "subject":
		setSubject(e, value)
	case "datacontenttype":
		err = to.SetDataContentType(value)
	case "dataschema":
		err = to.SetDataSchema(value)
	case "time":
		var at time.Time
		if at, err = types.ParseTime(value); err == nil {
			err = to.SetTime(at)
		}
	default:
		err = to.SetExtension(name, value)
	}
	if err != nil {
		return faas.Errorf(faas.Invalid, "the event's %s: %s", name, clip(err.Error()))
	}
	return nil
}

func setData(e *Event, data, base json.RawMessage) error {
	contentType := e.DataContentType()
	switch {
	case data != nil && base != nil:
		return faas.Errorf(faas.Invalid, "the event has both data and data_base64: one of them is its data")
	case base != nil && string(base) != "null":
		var text string
		err := json.Unmarshal(base, &text)
		if err == nil {
			e.DataEncoded, err = base64.StdEncoding.DecodeString(text)
		}
		if err != nil {
			return faas.Errorf(faas.Invalid, "the event's data_base64 is no text in base64").WithCause(err)
		}
	case data == nil || base != nil:
	case isJSON(contentType):
		e.DataEncoded = data
	default:
		var text *string
		if err := json.Unmarshal(data, &text); err != nil {
			return faas.Errorf(faas.Invalid, "the event's data is no text, though its datacontenttype is %q",
				clip(contentType))
		}
		if text != nil {
			e.DataEncoded = []byte(*text)
		}
	}
	return nil
}
