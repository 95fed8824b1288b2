package event

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/pkg/aodh"
)

var arrived = time.Date(2026, 11, 29, 22, 5, 0, 0, time.UTC)

// Bodies as the services send them, shortened.
const (
	eventAlarm = `{"alarm_name": "gone", "alarm_id": "5d1f", "severity": "low", "previous": "insufficient data", ` +
		`"current": "alarm", "reason": "Event <id=m1> hits the query <query=[]>.", ` +
		`"reason_data": {"type": "event", "event": {"message_id": "m1", "event_type": "compute.instance.delete.end", ` +
		`"generated": "2026-11-29T22:04:59.000123", "traits": [["state", 1, "deleted"], ["project_id", 1, "p1"]]}}}`
	thresholdAlarm = `{"alarm_name": "busy", "alarm_id": "77aa", "severity": "low", "previous": "ok", ` +
		`"current": "alarm", "reason": "Transition to alarm due to 1 samples outside threshold, most recent: 93.0", ` +
		`"reason_data": {"type": "threshold", "most_recent": 93.0}}`
)

func alarmed(t *testing.T, body string, at time.Time) Event {
	t.Helper()
	n, err := aodh.ParseNotification([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	e, err := FromAodh(n, []byte(body), at)
	if err != nil {
		t.Fatal(err)
	}
	if string(e.Data()) != body {
		t.Errorf("data is %s", e.Data())
	}
	return e
}

// same fails unless the event has exactly these attributes, written NAME=VALUE.
func same(t *testing.T, e Event, want ...string) {
	t.Helper()
	text, err := Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var is map[string]any
	if err := json.Unmarshal(text, &is); err != nil {
		t.Fatal(err)
	}
	if len(is) != len(want)+3 { // specversion, data and its type
		t.Errorf("there is more or less than %s: %s", want, text)
	}
	for _, pair := range want {
		name, value, _ := strings.Cut(pair, "=")
		if is[name] != value {
			t.Errorf("%s is %v, want %q", name, is[name], value)
		}
	}
}

func TestFromAodh(t *testing.T) {
	e := alarmed(t, eventAlarm, arrived)
	same(t, e, "id=5d1f/m1", "source=/v2/alarms/5d1f", "type=org.openstack.aodh.alarm", "subject=gone",
		"time=2026-11-29T22:04:59.000123Z", "alarmstate=alarm", "eventtype=compute.instance.delete.end", "projectid=p1")
	if again := alarmed(t, eventAlarm, arrived.Add(time.Hour)); again.ID() != e.ID() {
		t.Errorf("the same event is %s, then %s", e.ID(), again.ID())
	}
	e = alarmed(t, thresholdAlarm, arrived)
	same(t, e, "id="+e.ID(), "source=/v2/alarms/77aa", "type=org.openstack.aodh.alarm", "subject=busy",
		"time=2026-11-29T22:05:00Z", "alarmstate=alarm")
	if len(e.ID()) != 32 || alarmed(t, thresholdAlarm, arrived).ID() != e.ID() ||
		alarmed(t, thresholdAlarm, arrived.Add(1)).ID() == e.ID() {
		t.Errorf("the id is %q", e.ID())
	}
	noID := strings.Replace(eventAlarm, `"message_id": "m1", `, "", 1)
	if e := alarmed(t, noID, arrived); len(e.ID()) != 32 || alarmed(t, noID, arrived.Add(1)).ID() != e.ID() {
		t.Errorf("without an id it is %q", e.ID())
	}
	if _, err := FromAodh(aodh.Notification{AlarmName: strings.Repeat("x", MaxAttributes)}, nil, arrived); err == nil {
		t.Error("a name of 4 KiB is taken")
	}
}

func TestFromZaqar(t *testing.T) {
	body := json.RawMessage(`{"work":  [1.0, 12345678901234567890]}`)
	e, err := FromZaqar("jobs/büro", "p1", body, "51db6f78", arrived)
	if err != nil || string(e.Data()) != string(body) {
		t.Fatalf("%s, %v", e, err)
	}
	same(t, e, "id=51db6f78", "source=/v2/queues/jobs%2Fb%C3%BCro", "type=org.openstack.zaqar.message",
		"subject=jobs/büro", "time=2026-11-29T22:05:00Z", "projectid=p1")
	pushed, err := FromZaqar("q", "p1", body, "", arrived)
	later, err2 := FromZaqar("q", "p1", body, "", arrived.Add(1))
	if err != nil || err2 != nil || pushed.ID() == "" || pushed.ID() == later.ID() {
		t.Errorf("%s, %v and %s, %v", pushed.ID(), err, later.ID(), err2)
	}
}

func TestFromObject(t *testing.T) {
	size := int64(1234)
	o := Object{
		ProjectID: "p1", Container: "in box", Name: " a/ü.png ", Bytes: &size, ETag: "d41d", ContentType: "image/png",
		LastModified: arrived,
	}
	e, err := FromObject(TypeObjectCreated, o, "")
	if err != nil {
		t.Fatal(err)
	}
	same(t, e, "id="+e.ID(), "source=/v1/AUTH_p1/in%20box", "type=org.openstack.swift.object.created",
		"subject=in box/ a/ü.png ", "time=2026-11-29T22:05:00Z", "projectid=p1")
	const data = `{"container":"in box","object":" a/ü.png ","bytes":1234,"etag":"d41d","content_type":"image/png",` +
		`"last_modified":"2026-11-29T22:05:00Z"}`
	if string(e.Data()) != data {
		t.Errorf("data is %s", e.Data())
	}
	input, err := Input(e, nil)
	if err != nil {
		t.Fatal(err)
	}
	if back, _, err := FromInput(input); err != nil || back.Subject() != e.Subject() {
		t.Errorf("subject %q comes back as %q, %v", e.Subject(), back.Subject(), err)
	}
	ids := map[string]bool{e.ID(): true}
	gone, err := FromObject(TypeObjectDeleted, Object{ProjectID: "p1", Container: "in box", Name: o.Name}, "7")
	if err != nil || string(gone.Data()) != `{"container":"in box","object":" a/ü.png "}` || !gone.Time().IsZero() {
		t.Errorf("%s, %v", gone, err)
	}
	ids[gone.ID()] = true
	o.ETag = "d41e"
	changed, _ := FromObject(TypeObjectCreated, o, "")
	ids[changed.ID()] = true
	again, _ := FromObject(TypeObjectCreated, o, "")
	if ids[again.ID()] = true; len(ids) != 3 {
		t.Errorf("ids are %v", ids)
	}
}

func TestTick(t *testing.T) {
	e, err := Tick("0815", "*/5 * * * *", arrived.In(time.FixedZone("", 3600)))
	if err != nil || string(e.Data()) != `{"pattern":"*/5 * * * *"}` {
		t.Fatalf("%s, %v", e, err)
	}
	same(t, e, "id=2026-11-29T22:05:00Z", "source=/v1/triggers/0815", "type=org.openstack.faas.clock",
		"time=2026-11-29T22:05:00Z")
}

func TestFromNotification(t *testing.T) {
	n := Notification{
		MessageID: "m1", EventType: "compute.instance.delete.end", PublisherID: "compute.host 1:x", Priority: "INFO",
		ProjectID: "p1", Time: arrived, Payload: json.RawMessage(`{"instance_id":  "i1", "memory_mb": 512.0}`),
	}
	e, err := FromNotification(n)
	if err != nil || string(e.Data()) != string(n.Payload) {
		t.Fatalf("%s, %v", e, err)
	}
	same(t, e, "id=m1", "source=/compute.host%201:x", "type=org.openstack.compute.instance.delete.end", "subject=i1",
		"time=2026-11-29T22:05:00Z", "projectid=p1", "priority=INFO")
	n.MessageID = ""
	if e, err := FromNotification(n); err == nil {
		t.Errorf("without an id it is %s", e)
	}
	n.MessageID, n.EventType = "m1", strings.Repeat(".", MaxAttributes)
	if _, err := FromNotification(n); err == nil {
		t.Error("a type of 4 KiB is taken")
	}
}

func TestResourceOfNotification(t *testing.T) {
	for _, c := range []struct{ eventType, payload, want string }{
		{"compute.instance.delete.end", `{"instance_id": "x", "id": "no"}`, "x"},
		{"instance.delete.end", `{"nova_object.data": {"uuid": "x"}, "nova_object.name": "no"}`, "x"},
		{"volume.attach.end", `{"volume_id": "x", "instance_uuid": "no"}`, "x"},
		{"port.create.end", `{"port": {"id": "x", "device_id": "no"}}`, "x"},
		{"port.delete.end", `{"port_id": "x", "port": {"id": "x"}}`, "x"},
		{"image.update", `{"id": "x", "name": "no"}`, "x"},
		{"identity.user.created", `{"resource_info": "x"}`, "x"},
		{"identity.user.created", `{"typeURI": "…", "id": "no", "target": {"id": "x"}}`, "x"},
		{"orchestration.stack.create.end", `{"stack_identity": "x"}`, "x"},
		{"a.b", `{"c": 1}`, ""},
		{"a.b", `{"id": 5, "uuid": ["x"]}`, ""},
		{"a.b", `{"id": "` + strings.Repeat("x", 256) + `"}`, ""},
		{"a.b", `"x"`, ""},
		{"a.b", `[]`, ""},
		{"a.b", ``, ""},
	} {
		if got := resourceOf(c.eventType, json.RawMessage(c.payload)); got != c.want {
			t.Errorf("%s %.80s is about %q, want %q", c.eventType, c.payload, got, c.want)
		}
	}
}
