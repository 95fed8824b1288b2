package frombus

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/openstack-faas/faas/internal/jsonscan"
)

// Payloads are made for operators: some members tell of the cloud's inside what its users are not
// told elsewhere. Those are left out of the events.

// hidden is what is left out, by name: nil for all of a member, else what is left out of it.
type hidden map[string]hidden

// newHidden reads names of members, as host or initiator.host.
func newHidden(names []string) hidden {
	h := hidden{}
	for _, name := range names {
		first, rest, within := strings.Cut(name, ".")
		switch {
		case !within:
			h[first] = nil
		case h[first] != nil:
			h[first][rest] = nil
		default:
			if _, all := h[first]; !all {
				h[first] = hidden{rest: nil}
			}
		}
	}
	return h
}

// versionedData is the member of Nova's versioned notifications that has what others have at the
// top.
const versionedData = "nova_object.data"

// from returns an object without what is hidden; other members stay as they are, byte for byte.
// JSON that is no object has nothing to hide.
func (h hidden) from(object []byte) []byte {
	if len(h) == 0 || len(object) == 0 || object[0] != '{' || !h.in(object) {
		return object
	}
	left := bytes.NewBuffer(make([]byte, 0, len(object)))
	left.WriteByte('{')
	if jsonscan.Members(object, func(name, value []byte) {
		within, named := h.of(name)
		if named && within == nil {
			return
		}
		if left.Len() > 1 {
			left.WriteByte(',')
		}
		quote(left, name)
		left.WriteByte(':')
		left.Write(within.from(value))
	}) != nil {
		return object
	}
	left.WriteByte('}')
	return left.Bytes()
}

// of returns what is hidden of a member, and whether anything is.
func (h hidden) of(name []byte) (within hidden, named bool) {
	if string(name) == versionedData {
		return h, true
	}
	within, named = h[string(name)]
	return within, named
}

// in reports whether an object has a member of which something may be hidden.
func (h hidden) in(object []byte) (has bool) {
	_ = jsonscan.Members(object, func(name, _ []byte) {
		_, named := h.of(name)
		has = has || named
	})
	return has
}

// quote writes a name as JSON.
func quote(to *bytes.Buffer, name []byte) {
	for _, c := range name {
		if c < ' ' || c == '"' || c == '\\' {
			text, _ := json.Marshal(string(name)) // a string always can be
			to.Write(text)
			return
		}
	}
	to.WriteByte('"')
	to.Write(name)
	to.WriteByte('"')
}
