package fromswift

import (
	"bytes"
	"net/url"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/jsonscan"
)

// EventType is the type of the notifications that Woken understands: those of ceilometermiddleware
// in Swift's proxy.
const EventType = "objectstore.http.request"

// Woken reports of which container a notification's payload says that an object of it may have
// changed. It makes no event: the payload has no ETag and no time of the object, it comes too for
// requests that Swift has refused, and not at all when the bus is away. It only has the container
// looked at now rather than later; the list says what there is. That is also why it does no harm
// when it is forged. project is a part of the payload.
func Woken(payload []byte) (project []byte, container string, ok bool) {
	var outcome, id, action, name, object []byte
	within := func(of []byte, visit func(name, value []byte)) bool { return jsonscan.Members(of, visit) == nil }
	ok = within(payload, func(member, value []byte) {
		switch string(member) {
		case "outcome":
			outcome = jsonscan.Text(value)
		case "target":
			ok := within(value, func(member, value []byte) {
				switch string(member) {
				case "id": // the account without its prefix, which is the project
					id = jsonscan.Text(value)
				case "action":
					action = jsonscan.Text(value)
				case "metadata":
					if !within(value, func(member, value []byte) {
						switch string(member) {
						case "container": // as in the URL
							name = jsonscan.Text(value)
						case "object":
							object = jsonscan.Text(value)
						}
					}) {
						name = nil
					}
				}
			})
			if !ok {
				name = nil
			}
		}
	})
	if !ok || string(outcome) == "failure" || id == nil || name == nil || object == nil || !changes(action) {
		return nil, "", false
	}
	container, err := url.PathUnescape(string(name))
	container = mended(container)
	return id, container, err == nil && container != ""
}

// changes reports whether a request may change an object. Our own looks are reported too.
func changes(action []byte) bool {
	for _, method := range []string{"put", "post", "delete", "copy"} {
		if bytes.EqualFold(action, []byte(method)) {
			return true
		}
	}
	return false
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
