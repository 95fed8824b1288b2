package frombus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/jsonscan"
)

// notification is what the scanner has found in a message. Its slices are parts of the message,
// or of what was unescaped of it.
type notification struct {
	all       []byte // the whole as JSON, out of its envelope
	messageID []byte
	publisher []byte
	eventType []byte
	timestamp []byte
	priority  []byte
	payload   []byte // JSON

	asked project // whose token asked for what was done, by what the notification says of its context
}

// project is what several members that name a project say together.
type project struct {
	id    []byte // nil while none has said anything
	mixed bool   // two have said different things
}

// say adds what a member says, which is nothing for null or what is no text.
func (p *project) say(value []byte) {
	id := jsonscan.Text(value)
	switch {
	case id == nil:
	case p.id == nil:
		p.id = id
	case !bytes.Equal(p.id, id):
		p.mixed = true
	}
}

var (
	errVersion = errors.New("its envelope has a version that is not known")
	errMembers = errors.New("it has no event_type, no message_id or no payload")
)

// read finds the notification in the body of a message. It is in oslo.messaging's envelope, or,
// from services with the driver messaging, without one. scratch is written over.
func read(body, scratch []byte) (n notification, unescaped []byte, err error) {
	var version, inner []byte
	n.all = body
	if err := jsonscan.Members(body, func(name, value []byte) {
		switch string(name) {
		case "oslo.version":
			version = value
		case "oslo.message":
			inner = value
		default:
			n.member(name, value)
		}
	}); err != nil {
		return n, scratch, err
	}
	if version == nil || inner == nil {
		return n, scratch, n.complete()
	}
	if v := jsonscan.Text(version); len(v) < 2 || v[0] != '2' || v[1] != '.' {
		return n, scratch, errVersion
	}
	if len(inner) < 2 || inner[0] != '"' {
		return n, scratch, jsonscan.ErrNotObject
	}
	if scratch, err = jsonscan.Unescape(scratch[:0], inner[1:len(inner)-1]); err != nil {
		return n, scratch, err
	}
	n = notification{all: scratch}
	if err := jsonscan.Members(scratch, n.member); err != nil {
		return n, scratch, err
	}
	return n, scratch, n.complete()
}

func (n *notification) member(name, value []byte) {
	switch string(name) {
	case "message_id":
		n.messageID = jsonscan.Text(value)
	case "publisher_id":
		n.publisher = jsonscan.Text(value)
	case "event_type":
		n.eventType = jsonscan.Text(value)
	case "timestamp":
		n.timestamp = jsonscan.Text(value)
	case "priority":
		n.priority = jsonscan.Text(value)
	case "payload":
		n.payload = value
	case "_context_project_id", "_context_tenant_id", "_context_tenant":
		n.asked.say(value)
	}
}

// The most letters of what is not the payload.
const (
	maxID   = 255
	maxType = 255
)

func (n *notification) complete() error {
	if n.messageID == nil || n.eventType == nil || n.payload == nil ||
		len(n.messageID) > maxID || len(n.eventType) > maxType || len(n.publisher) > maxID {
		return errMembers
	}
	return nil
}

// clone returns the notification with memory of its own: what it was read from is written over when
// the next one is read. It is an error when the whole is no JSON.
func (n *notification) clone() (notification, error) {
	if !json.Valid(n.all) {
		return notification{}, jsonscan.ErrNotJSON
	}
	return notification{
		messageID: bytes.Clone(n.messageID), publisher: bytes.Clone(n.publisher), eventType: bytes.Clone(n.eventType),
		timestamp: bytes.Clone(n.timestamp), priority: bytes.Clone(n.priority), payload: bytes.Clone(n.payload),
	}, nil
}

// at returns when the notification was made, by its publisher's clock in UTC: "2026-11-25
// 01:02:03.456789", or by ISO 8601. The zero time says that this is not known.
func (n *notification) at() time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(layout, string(n.timestamp)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// String names the notification in logs.
func (n *notification) String() string {
	return fmt.Sprintf("%s of %s, %s", n.eventType, n.publisher, n.messageID)
}
