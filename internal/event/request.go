package event

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/openstack-faas/faas/internal/faas"
)

// MaxBatch bounds the events of one request.
const MaxBatch = 100

// The headers and types of CloudEvents' HTTP binding.
const (
	formatPrefix  = "application/cloudevents"
	formatOne     = cloudevents.ApplicationCloudEventsJSON
	formatBatch   = cloudevents.ApplicationCloudEventsBatchJSON
	headerPrefix  = "Ce-"
	headerVersion = "Ce-Specversion"
)

// deliveries are headers by which a sender says that it sends the same once more: Standard
// Webhooks', GitHub's, and the one of an IETF draft.
var deliveries = []string{"Webhook-Id", "X-Github-Delivery", "Idempotency-Key"}

// Plain says what a request becomes that is no CloudEvent.
type Plain struct {
	Type   string
	Source string    // a URI reference
	Time   time.Time // when the request came
}

// FromRequest returns the events of an HTTP request. One that is a CloudEvent already, in binary,
// structured or batched mode, is that; any other becomes an event that has the request's body for
// data, as it is. An error says what is wrong with the request.
//
// What a sender writes into faas.EventAttempt is not kept: attempts are counted here.
func FromRequest(h http.Header, body []byte, plain Plain) ([]Event, error) {
	events, err := fromRequest(h, body, plain)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if err := e.Context.SetExtension(faas.EventAttempt, nil); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func fromRequest(h http.Header, body []byte, plain Plain) ([]Event, error) {
	switch media := mediaType(h); {
	case media == formatOne:
		e, err := Unmarshal(body)
		return []Event{e}, err
	case media == formatBatch:
		return unmarshalBatch(body)
	case strings.HasPrefix(media, formatPrefix):
		return nil, faas.Errorf(faas.UnsupportedMedia, "the event's format is %q, but only %s and %s are understood",
			clip(media), formatOne, formatBatch)
	case h.Get(headerVersion) != "":
		e, err := fromHeaders(h, body)
		return []Event{e}, err
	}
	e, err := fromPlain(h, body, plain)
	return []Event{e}, err
}

// mediaType returns the type of the body, without parameters, or "" where it names none.
func mediaType(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

func unmarshalBatch(body []byte) ([]Event, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(body, &items); err != nil {
		return nil, faas.Errorf(faas.Invalid, "the batch is no JSON list of events").WithCause(err)
	}
	if len(items) > MaxBatch {
		return nil, faas.Errorf(faas.Invalid, "the batch has %d events, more than the %d that may be", len(items), MaxBatch)
	}
	events := make([]Event, len(items))
	for i, item := range items {
		var err error
		if events[i], err = Unmarshal(item); err != nil {
			return nil, faas.Errorf(faas.KindOf(err), "item %d of the batch: %s", i, err)
		}
	}
	return events, nil
}

// fromHeaders reads binary mode: an attribute is a header, and the body is the data.
func fromHeaders(h http.Header, body []byte) (Event, error) {
	e := New()
	e.DataEncoded = body
	for header, values := range h {
		name, ok := strings.CutPrefix(header, headerPrefix)
		if !ok || len(values) == 0 {
			continue
		}
		name = strings.ToLower(name)
		if name == "datacontenttype" { // which is Content-Type in this mode
			continue
		}
		if err := checkName(name); err != nil {
			return e, faas.Errorf(faas.Invalid, "the header %s: %s", clip(header), err)
		}
		if err := setText(&e, name, decodeHeader(values[0])); err != nil {
			return e, err
		}
	}
	if contentType := h.Get("Content-Type"); contentType != "" {
		if err := setText(&e, "datacontenttype", contentType); err != nil {
			return e, err
		}
	}
	return e, check(e)
}

// decodeHeader returns what a header's value stands for: it may be in quotes, and characters beyond
// ASCII are percent-encoded. The library leaves both as they are.
func decodeHeader(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		var plain strings.Builder
		for i := 1; i < len(value)-1; i++ {
			if value[i] == '\\' && i+1 < len(value)-1 {
				i++
			}
			plain.WriteByte(value[i])
		}
		value = plain.String()
	}
	if !strings.Contains(value, "%") {
		return value
	}
	var decoded strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			if c, err := strconv.ParseUint(value[i+1:i+3], 16, 8); err == nil {
				decoded.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		decoded.WriteByte(value[i])
	}
	return decoded.String()
}

func fromPlain(h http.Header, body []byte, plain Plain) (Event, error) {
	e := New()
	e.DataEncoded = body
	e.SetType(plain.Type)
	e.SetSource(plain.Source)
	e.SetTime(plain.Time)
	if len(body) > 0 {
		e.SetDataContentType(plainType(h, body))
	}
	e.SetID(idOf(plain.Source, plain.Time.UTC().Format(time.RFC3339Nano), string(body)))
	if i := slices.IndexFunc(deliveries, func(name string) bool { return h.Get(name) != "" }); i >= 0 {
		e.SetID(h.Get(deliveries[i]))
	}
	return e, check(e)
}

// plainType returns the type that the request gives its body, or what the body looks like.
func plainType(h http.Header, body []byte) string {
	contentType := h.Get("Content-Type")
	_, _, err := mime.ParseMediaType(contentType)
	switch {
	case err == nil:
		return contentType
	case json.Valid(body):
		return "application/json"
	case utf8.Valid(body):
		return "text/plain"
	}
	return "application/octet-stream"
}
