package aodh

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// TestNotification reads a body as a real Aodh sent it.
func TestNotification(t *testing.T) {
	const sent = `{"alarm_name": "gone", "alarm_id": "5d1f", "severity": "low", "previous": "insufficient data",
		"current": "alarm", "reason": "Event <id=1> hits the query <query=[]>.", "reason_data": {"type": "event", "event":
		{"message_id": "m1", "event_type": "compute.instance.delete.end", "generated": "2026-11-21T10:00:00.000123",
		"traits": [["project_id", 1, "p"], ["disk_gb", 2, 20]], "raw": {}, "message_signature": "x"}}}`
	n, err := ParseNotification([]byte(sent))
	if err != nil || n.AlarmID != "5d1f" || n.Current != StateAlarm || n.Previous != StateInsufficient {
		t.Fatalf("got %+v, %v", n, err)
	}
	e, ok := n.Event()
	if !ok || e.EventType != "compute.instance.delete.end" || len(e.Traits) != 2 ||
		e.Traits[0] != (Trait{"project_id", "p"}) {
		t.Errorf("got %+v", e)
	}
	if want := time.Date(2026, 11, 21, 10, 0, 0, 123000, time.UTC); !e.Generated.Equal(want) {
		t.Errorf("generated at %s", e.Generated)
	}
}

func TestNotificationThatIsNone(t *testing.T) {
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `"alarm"`, `{"alarm_id": 5}`, `{"alarm_id": "a", "current": "alarm"}`,
		`{"alarm_id": "a", "previous": "ok"}`,
	} {
		if n, err := ParseNotification([]byte(body)); err == nil {
			t.Errorf("%s is taken for %+v", body, n)
		}
	}
	for _, reason := range []string{``, `{}`, `{"type": "threshold"}`, `{"type": "event", "event": {"traits": [[1]]}}`} {
		if e, ok := (Notification{ReasonData: json.RawMessage(reason)}).Event(); ok {
			t.Errorf("%s has the event %+v", reason, e)
		}
	}
}

// TestRequests looks at what is sent: methods, paths, bodies, and the conditions of a list.
func TestRequests(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.RequestURI())
		w.Header().Set("Content-Type", "application/json")
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if strings.Contains(r.URL.RawQuery, "q.field") {
			_, _ = w.Write([]byte(`[{"alarm_id": "a", "type": "event", "event_rule": {"event_type": "x"}}]`))
			return
		}
		_, _ = w.Write([]byte(`{"alarm_id": "a", "type": "event", "event_rule": {"event_type": "x"}}`))
	}))
	defer server.Close()
	client := NewAlarmingV2At(&gophercloud.ProviderClient{}, server.URL)
	ctx, opts := t.Context(), CreateOpts{Name: "n", Type: TypeEvent, Rule: EventRule{EventType: "x"}}
	made, err := Create(ctx, client, opts).Extract()
	if err != nil || made.ID != "a" || string(made.Rule) != `{"event_type":"x"}` {
		t.Errorf("got %+v, %v", made, err)
	}
	if _, err := Update(ctx, client, "a", opts).Extract(); err != nil {
		t.Error(err)
	}
	if err := Delete(ctx, client, "a/../b").ExtractErr(); err != nil {
		t.Error(err)
	}
	found, err := List(ctx, client, map[string]string{"name": "a b", "type": "event"}).Extract()
	if err != nil || len(found) != 1 || found[0].Type != TypeEvent {
		t.Errorf("got %+v, %v", found, err)
	}
	want := []string{
		"POST /v2/alarms", "PUT /v2/alarms/a", "DELETE /v2/alarms/a%2F..%2Fb",
		"GET /v2/alarms?q.field=name&q.field=type&q.op=eq&q.op=eq&q.value=a+b&q.value=event",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAlarmWithoutWhatItNeeds(t *testing.T) {
	for _, opts := range []CreateOpts{
		{Type: TypeEvent, Rule: EventRule{}}, {Name: "n", Rule: EventRule{}}, {Name: "n", Type: TypeEvent},
	} {
		if err := Create(t.Context(), nil, opts).Err; err == nil {
			t.Errorf("%+v is sent", opts)
		}
	}
}
