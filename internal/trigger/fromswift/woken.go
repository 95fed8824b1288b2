package fromswift

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"
)

// EventType is the type of the notifications that Woken understands: those of ceilometermiddleware
// in Swift's proxy.
const EventType = "objectstore.http.request"

// Woken reports of which container a notification says that an object of it may have changed. It
// makes no event: it has no ETag and no time of the object, it comes too for requests that Swift
// has refused, and not at all when the bus is away. It only has the container looked at now rather
// than later; the list says what there is. That is also why it does no harm when it is forged.
func Woken(eventType string, payload json.RawMessage) (projectID, container string, ok bool) {
	if eventType != EventType {
		return "", "", false
	}
	var p struct {
		Outcome string `json:"outcome"`
		Target  struct {
			ID       string `json:"id"` // the account without its prefix, which is the project
			Action   string `json:"action"`
			Metadata struct {
				Container string `json:"container"` // as in the URL
				Object    string `json:"object"`
			} `json:"metadata"`
		} `json:"target"`
	}
	if json.Unmarshal(payload, &p) != nil || p.Outcome == "failure" || p.Target.ID == "" ||
		p.Target.Metadata.Object == "" {
		return "", "", false
	}
	switch strings.ToLower(p.Target.Action) {
	case "put", "post", "delete", "copy":
	default: // our own looks are reported too
		return "", "", false
	}
	container, err := url.PathUnescape(p.Target.Metadata.Container)
	container = mended(container)
	return p.Target.ID, container, err == nil && container != ""
}

// mended undoes what the middleware does to names that are not ASCII: it takes each of their bytes
// for a letter, as WSGI hands them over, and encodes that.
func mended(name string) string {
	var b []byte
	for _, letter := range name {
		if letter > 0xff {
			return name
		}
		b = append(b, byte(letter))
	}
	if !utf8.Valid(b) {
		return name
	}
	return string(b)
}
