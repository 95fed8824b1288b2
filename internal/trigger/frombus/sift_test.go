package frombus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// taker remembers what it took.
type taker struct {
	mu     sync.Mutex
	took   []string // trigger and event
	events []event.Event
	fail   func(t faas.Trigger) error
}

func (k *taker) Take(_ context.Context, t faas.Trigger, e event.Event) (trigger.Taken, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(t); err != nil {
			return trigger.Taken{}, err
		}
	}
	k.took, k.events = append(k.took, t.ID+" "+e.Type()), append(k.events, e)
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

// triggersOf returns active triggers of the project with these settings; their ids are t0, t1, ….
func triggersOf(project string, settings ...string) (all []faas.Trigger) {
	for i, s := range settings {
		all = append(all, faas.Trigger{
			ID: fmt.Sprint("t", i), ProjectID: project, Source: faas.TriggerNotification,
			Status: faas.TriggerActive, Settings: s,
		})
	}
	return all
}

// know has the index know these triggers and no others.
func (x *Index) know(all []faas.Trigger) {
	var entries []*entry
	for _, t := range all {
		if e := x.newEntry(t); e != nil {
			entries = append(entries, e)
		}
	}
	x.replace(entries)
}

func sifter(all []faas.Trigger, cfg SifterConfig) (*Sifter, *taker) {
	k := &taker{}
	cfg.Index, cfg.Taker = NewIndex(IndexConfig{}), k
	cfg.Index.know(all)
	return NewSifter(cfg), k
}

// sift has a message looked at and done for.
func sift(t *testing.T, s *Sifter, body []byte) error {
	t.Helper()
	bring := s.Sift(body)
	clear(body) // the caller may use it again
	if bring == nil {
		return nil
	}
	return bring(t.Context())
}

func counted(t *testing.T, s *Sifter) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	s.Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				all = append(all, fmt.Sprintf("%s %v", m.GetLabel()[0].GetValue(), n))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestSift(t *testing.T) {
	all := slices.Concat(
		triggersOf(owner, `{"event_type":"compute.instance.delete.end"}`,
			`{"event_type":"compute.*","publisher":"compute.*"}`,
			`{"event_type":"compute.*","publisher":"nova-compute:*"}`, `{"event_type":"volume.*"}`),
	)
	all = append(all, triggersOf(other, `{"event_type":"*"}`)[0])
	all[4].ID = "others"
	s, k := sifter(all, SifterConfig{})
	if err := sift(t, s, nova("compute.instance.delete.end", owner)); err != nil {
		t.Fatal(err)
	}
	want := []string{"t0 org.openstack.compute.instance.delete.end", "t1 org.openstack.compute.instance.delete.end"}
	if !slices.Equal(k.took, want) {
		t.Fatalf("took %q, want %q", k.took, want)
	}
	e := k.events[0]
	at := time.Date(2026, 11, 25, 1, 2, 3, 456789000, time.UTC)
	if e.ID() != "m-1" || e.Extensions()["projectid"] != owner || !e.Time().Equal(at) {
		t.Errorf("the event is %s", e)
	}
	payload := `{"tenant_id":"` + owner + `","display_name":"caf\u00e9","big":12345678901234567890}`
	if data := string(e.Data()); data != payload {
		t.Errorf("its data is %s", data)
	}
	for _, unwanted := range [][]byte{nova("compute.instance.delete.end", admin), nova("scheduler.run", ""),
		nova("snapshot.x", owner)} {
		if err := sift(t, s, unwanted); err != nil {
			t.Error(err)
		}
	}
	if len(k.took) != 2 {
		t.Errorf("took %q", k.took)
	}
	if got := counted(t, s); got != "nobodys 1, queued 2, unwanted 2" {
		t.Errorf("counted %s", got)
	}
}

// nova is a notification of Nova as it goes over the bus.
func nova(eventType, project string) []byte {
	inner := fmt.Sprintf(`{"message_id": "m-1", "publisher_id": "compute.h1", "event_type": "%s", "priority": "INFO", `+
		`"timestamp": "2026-11-25 01:02:03.456789", "payload": `+
		`{"tenant_id":"%s","display_name":"caf\u00e9","big":12345678901234567890}}`, eventType, project)
	inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\`, `\\`), `"`, `\"`)
	return []byte(`{"oslo.version": "2.0", "oslo.message": "` + inner + `"}`)
}

// TestSiftRubbish has what is no notification dropped and counted, and nothing of it brought.
func TestSiftRubbish(t *testing.T) {
	s, k := sifter(triggersOf(owner, `{"event_type":"*"}`), SifterConfig{MaxBytes: 4096})
	deep := `{"message_id":"m","event_type":"volume.x","payload":{"tenant_id":"` + owner + `","a":` +
		strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`
	rubbish := []string{
		"", "x", "null", "[]", `{"oslo.version":"2.0"}`, `{"oslo.version":"2.0","oslo.message":"{"}`,
		`{"oslo.version":"2.0","oslo.message":{"event_type":"a"}}`, `{"oslo.version":"2.0","oslo.message":"\q"}`,
		`{"oslo.version":"3.0","oslo.message":"{}"}`, `{"oslo.version":2,"oslo.message":"{}"}`,
		`{"message_id":"m","event_type":"volume.x"}`, `{"message_id":7,"event_type":"volume.x","payload":{}}`,
		`{"message_id":"m","event_type":["volume.x"],"payload":{}}`, deep,
		`{"message_id":"m","event_type":"volume.x","payload":{"tenant_id":"` + owner + `","n":1.2.3}}`,
		// the scanner passes it
		`{"message_id":"m","event_type":"volume.` + strings.Repeat("x", 300) + `","payload":{"tenant_id":"` +
			owner + `"}}`,
	}
	for _, body := range rubbish {
		if err := sift(t, s, []byte(body)); err != nil {
			t.Errorf("%.80s: %v", body, err)
		}
	}
	if err := sift(t, s, []byte(strings.Repeat("x", 5000))); err != nil {
		t.Error(err)
	}
	if got, want := counted(t, s), fmt.Sprintf("rubbish %d, too_large 1", len(rubbish)); got != want ||
		len(k.took) > 0 {
		t.Errorf("counted %s, want %s; took %q", got, want, k.took)
	}
}

// TestBringAgain has one trigger without room keep the notification from no other, and only that
// one asked again.
func TestBringAgain(t *testing.T) {
	s, k := sifter(triggersOf(owner, `{"event_type":"*"}`, `{"event_type":"*"}`, `{"event_type":"*"}`),
		SifterConfig{})
	full := true
	k.fail = func(t faas.Trigger) error {
		if t.ID == "t1" && full {
			return faas.Errorf(faas.Busy, "no room")
		}
		return nil
	}
	bring := s.Sift(nova("compute.x", owner))
	if err := bring(t.Context()); faas.KindOf(err) != faas.Busy {
		t.Fatalf("got %v", err)
	}
	full = false
	if err := bring(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"t0 org.openstack.compute.x", "t2 org.openstack.compute.x",
		"t1 org.openstack.compute.x"}; !slices.Equal(k.took, want) {
		t.Errorf("took %q, want %q", k.took, want)
	}
}

// TestAwayComesFirst has the loss of what everybody needs be what is told.
func TestAwayComesFirst(t *testing.T) {
	s, k := sifter(triggersOf(owner, `{"event_type":"*"}`, `{"event_type":"*"}`), SifterConfig{})
	k.fail = func(t faas.Trigger) error {
		if t.ID == "t0" {
			return faas.Errorf(faas.Busy, "no room")
		}
		return faas.Errorf(faas.Unavailable, "no database")
	}
	if err := s.Sift(nova("compute.x", owner))(t.Context()); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestProjectGone(t *testing.T) {
	var gone []string
	fails := true
	s, k := sifter(triggersOf(owner, `{"event_type":"volume.*"}`),
		SifterConfig{ProjectGone: func(_ context.Context, id string) error {
			if fails {
				return errors.New("not now")
			}
			gone = append(gone, id)
			return nil
		}})
	said := func(eventType string) []byte {
		return []byte(`{"message_id":"m","publisher_id":"identity.h","event_type":"` + eventType +
			`","payload":{"resource_info":"` + other + `"}}`)
	}
	bring := s.Sift(said("identity.project.deleted"))
	if err := bring(t.Context()); err == nil || len(gone) > 0 {
		t.Fatalf("%v, %q", err, gone)
	}
	fails = false
	if err := bring(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, another := range []string{"identity.project.updated", "identity.project.deleted.x",
		"identity.user.deleted"} {
		if err := sift(t, s, said(another)); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(gone, []string{other}) || len(k.took) > 0 {
		t.Errorf("gone are %q, took %q", gone, k.took)
	}
}
