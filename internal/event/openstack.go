package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// The types of events that are made here. docs/user/events.md describes them.
const (
	TypeAlarm         = "org.openstack.aodh.alarm"
	TypeMessage       = "org.openstack.zaqar.message"
	TypeObjectCreated = "org.openstack.swift.object.created"
	TypeObjectDeleted = "org.openstack.swift.object.deleted"
	TypeTick          = "org.openstack.faas.clock"
	// TypeNotification is followed by the event_type of the notification.
	TypeNotification = "org.openstack."
)

// Extensions of the events that are made here.
const (
	extensionProject  = "projectid"
	extensionState    = "alarmstate" // ok, alarm or insufficient data
	extensionEvent    = "eventtype"  // of the event that an alarm fired at
	extensionPriority = "priority"   // of a notification
)

// FromAodh makes an event of what Aodh sends to an alarm's action. raw is its body, which becomes
// the data. An event alarm's event has the same id each time that it comes, at the same alarm; of
// another alarm each request is an event of its own.
func FromAodh(n aodh.Notification, raw []byte, arrived time.Time) (Event, error) {
	e := made(TypeAlarm, "/v2/alarms/"+url.PathEscape(n.AlarmID), n.AlarmName, arrived, raw)
	extend(&e, extensionState, string(n.Current))
	cause, ok := n.Event()
	if !ok {
		e.SetID(idOf(n.AlarmID, arrived.UTC().Format(time.RFC3339Nano), string(raw)))
		return e, check(e)
	}
	if cause.MessageID == "" {
		e.SetID(idOf(n.AlarmID, string(raw)))
	} else {
		e.SetID(n.AlarmID + "/" + cause.MessageID)
	}
	if !cause.Generated.IsZero() {
		e.SetTime(cause.Generated.Time)
	}
	extend(&e, extensionEvent, cause.EventType)
	for _, trait := range cause.Traits {
		if project, _ := trait.Value.(string); project != "" && slices.Contains(projectTraits, trait.Name) {
			extend(&e, extensionProject, project)
			break
		}
	}
	return e, check(e)
}

// projectTraits are what events call their project.
var projectTraits = []string{"project_id", "tenant_id"}

// FromZaqar makes an event of a message in a queue. A message that was pushed has no id: the
// event's is then made of the body and of when it arrived.
func FromZaqar(queue, projectID string, body json.RawMessage, id string, arrived time.Time) (Event, error) {
	e := made(TypeMessage, "/v2/queues/"+url.PathEscape(queue), queue, arrived, body)
	if id == "" {
		id = idOf(queue, arrived.UTC().Format(time.RFC3339Nano), string(body))
	}
	e.SetID(id)
	extend(&e, extensionProject, projectID)
	return e, check(e)
}

// Object is a version of an object in Swift. Of one that was deleted, only what is known is given.
type Object struct {
	ProjectID    string
	Container    string
	Name         string
	Bytes        *int64
	ETag         string
	ContentType  string
	LastModified time.Time
}

// objectData is what a function is told of an object.
type objectData struct {
	Container    string `json:"container"`
	Object       string `json:"object"`
	Bytes        *int64 `json:"bytes,omitempty"`
	ETag         string `json:"etag,omitempty"`
	ContentType  string `json:"content_type,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// FromObject makes an event of an object that was made or changed, or, with TypeObjectDeleted, of
// one that was deleted. The same version has the same event, by name, ETag and time; where these
// do not tell versions apart, by version too, which may be "".
func FromObject(kind string, o Object, version string) (Event, error) {
	data := objectData{Container: o.Container, Object: o.Name, Bytes: o.Bytes, ETag: o.ETag, ContentType: o.ContentType}
	var happened time.Time
	if !o.LastModified.IsZero() {
		data.LastModified = o.LastModified.UTC().Format(time.RFC3339Nano)
		if kind == TypeObjectCreated { // when one was deleted is not known
			happened = o.LastModified
		}
	}
	source := "/v1/AUTH_" + url.PathEscape(o.ProjectID) + "/" + url.PathEscape(o.Container)
	e := made(kind, source, o.Container+"/"+o.Name, happened, encode(data))
	e.SetID(idOf(kind, o.Name, o.ETag, data.LastModified, version))
	extend(&e, extensionProject, o.ProjectID)
	return e, check(e)
}

// Tick makes an event of a time of a trigger's pattern. The id is that time: each has one event.
func Tick(triggerID, pattern string, due time.Time) (Event, error) {
	due = due.UTC()
	e := made(TypeTick, "/v1/triggers/"+triggerID, "", due, encode(map[string]string{"pattern": pattern}))
	e.SetID(due.Format(time.RFC3339Nano))
	return e, check(e)
}

// made returns an event that has everything but an id. Data that is no JSON is refused by nobody:
// it is then in base64.
func made(kind, source, subject string, at time.Time, data []byte) Event {
	e := New()
	e.SetType(kind)
	e.SetSource(source)
	setSubject(&e, subject)
	e.SetTime(at)
	e.SetDataContentType("application/json")
	e.DataEncoded = data
	return e
}

// extend adds an attribute where there is something to say.
func extend(e *Event, name, value string) {
	if value != "" {
		e.SetExtension(name, value)
	}
}

// idOf makes an id of what tells an event from others.
func idOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Notification is one of oslo.messaging's, as services of OpenStack publish them.
type Notification struct {
	MessageID   string
	EventType   string // compute.instance.delete.end
	PublisherID string // compute.host-1
	Priority    string // info, error …; "" when not known
	ProjectID   string // whose event it is
	Time        time.Time
	Payload     json.RawMessage
}

// FromNotification makes an event of a notification. Its subject is the id of the resource that the
// payload is about, where the payload says so in one of the ways that are known.
func FromNotification(n Notification) (Event, error) {
	source := url.URL{Path: "/" + n.PublisherID}
	e := made(TypeNotification+n.EventType, source.String(), resourceOf(n.EventType, n.Payload), n.Time, n.Payload)
	if n.MessageID == "" {
		return e, faas.Errorf(faas.Invalid, "the notification has no message_id")
	}
	e.SetID(n.MessageID)
	extend(&e, extensionProject, n.ProjectID)
	extend(&e, extensionPriority, n.Priority)
	return e, check(e)
}
