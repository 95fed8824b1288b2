package frombus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// proxy is a notification of ceilometermiddleware in Swift's proxy as it goes over the bus.
func proxy(action, project, path string) []byte {
	container, object, _ := strings.Cut(path, "/")
	inner := fmt.Sprintf(`{"message_id": "m-1", "publisher_id": "ceilometermiddleware", "priority": "INFO", `+
		`"event_type": "objectstore.http.request", "timestamp": "2026-11-30 01:02:03.456789", "payload": {`+
		`"typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event", "eventType": "activity", `+
		`"id": "5c559db3-2f13-5807-93ec-fcd27fc49616", "eventTime": "2026-11-30T01:02:03.456789", `+
		`"action": "update", "outcome": "success", "observer": {"id": "target"}, "initiator": {`+
		`"id": "ad4a2592-ffd2-53ce-92f3-e0fe8671144f", "typeURI": "service/security/account/user", `+
		`"project_id": "%s"}, "target": {"id": "%[1]s", "typeURI": "service/storage/object", "metadata": {`+
		`"path": "v1/AUTH_%[1]s/%s/%s", "version": "v1", "container": "%[2]s", "object": "%[3]s"}, "action": "%s"}, `+
		`"measurements": [{"result": 1, "metric": {"metricId": "443b749d-9040-5eea-bcb9-b1ff655d29d4", "unit": "B", `+
		`"name": "storage.objects.incoming.bytes"}}]}}`, project, container, object, action)
	return []byte(`{"oslo.version": "2.0", "oslo.message": "` + strings.ReplaceAll(inner, `"`, `\"`) + `"}`)
}

// watching are triggers of containers: one of each name.
func watching(project string, containers ...string) (all []faas.Trigger) {
	for _, c := range containers {
		all = append(all, faas.Trigger{
			ID: project + " " + c, ProjectID: project, Source: faas.TriggerSwift, Status: faas.TriggerActive,
			Settings: fmt.Sprintf(`{"container": %q}`, c), State: "long",
		})
	}
	return all
}

// woken remembers who was woken, and for when.
type woken struct {
	at      map[string][]time.Duration
	fail    error
	waiting bool // a look that was asked for before has not begun
}

func (w *woken) wake(_ context.Context, id string, after time.Duration) (sooner bool, err error) {
	if w.fail == nil {
		w.at[id] = append(w.at[id], after)
	}
	return !w.waiting, w.fail
}

func (w *woken) ids() []string { return slices.Sorted(maps.Keys(w.at)) }

func waker(all []faas.Trigger) (*Sifter, *woken) {
	w := &woken{at: map[string][]time.Duration{}}
	containers := NewContainers(IndexConfig{})
	containers.know(all)
	s, _ := sifter(nil, SifterConfig{Containers: containers, Wake: w.wake})
	return s, w
}

// TestWake has the triggers of a container woken by what may have changed an object in it, and none
// else.
func TestWake(t *testing.T) {
	all := slices.Concat(watching(owner, "photos", "Photos", "my photos?"), watching(other, "photos"))
	twice := watching(owner, "photos")[0]
	twice.ID, twice.Status = "in error", faas.TriggerError
	paused := watching(owner, "photos")[0]
	paused.ID, paused.Status = "paused", faas.TriggerPaused
	strange := triggersOf(owner, `{"event_type": "*"}`)[0]
	s, w := waker(append(all, twice, paused, strange))
	if n := s.cfg.Containers.Len(); n != 5 {
		t.Errorf("%d triggers are known", n)
	}
	for _, body := range [][]byte{
		proxy("get", owner, "photos/a"), proxy("put", owner, "photos"), proxy("put", owner, "others/a"),
		proxy("put", admin, "photos/a"), proxy("put", "", "photos/a"), nova("objectstore.http.request", owner),
	} {
		must(t, sift(t, s, body))
	}
	if len(w.at) > 0 {
		t.Fatalf("woken are %v", w.at)
	}
	must(t, sift(t, s, proxy("put", owner, "photos/a/b.jpg")))
	must(t, sift(t, s, proxy("delete", owner, "my%20photos%3F/a")))
	if want := []string{owner + " my photos?", owner + " photos", "in error"}; !slices.Equal(w.ids(), want) {
		t.Errorf("woken are %q, want %q", w.ids(), want)
	}
	for id, at := range w.at {
		if len(at) != 1 || at[0] != 0 {
			t.Errorf("%s is woken at %v", id, at)
		}
	}
	must(t, sift(t, s, proxy("put", other, "photos/a")))
	if got := counted(t, s); len(w.at) != 4 || got != "unwanted 6, woken 4" {
		t.Errorf("woken are %q, counted %s", w.ids(), got)
	}
}

// TestFewLooks has a trigger look seldom, however often it is woken, and after each time that it
// is.
func TestFewLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := waker(watching(owner, "photos"))
		began := time.Now()
		var last time.Duration // when it looks last
		for n := range 10_000 {
			before := len(w.at[owner+" photos"])
			must(t, sift(t, s, proxy("put", owner, fmt.Sprint("photos/", n))))
			now := time.Since(began)
			if at := w.at[owner+" photos"]; len(at) > before {
				if now+at[before] < last+lookGap && before > 0 {
					t.Errorf("it looks after %s and again after %s", last, now+at[before])
				}
				last = now + at[before]
			}
			if last < now {
				t.Fatalf("object %d came at %s, and it looks at %s for the last time", n, now, last)
			}
			time.Sleep(time.Millisecond)
		}
		if looks := len(w.at[owner+" photos"]); looks < 20 || looks > 20+savedLooks {
			t.Errorf("%d looks in 10 s", looks)
		}
		time.Sleep(time.Hour)
		must(t, sift(t, s, proxy("put", owner, "photos/late")))
		if at := w.at[owner+" photos"]; at[len(at)-1] != 0 {
			t.Errorf("after an hour it waits for %s", at[len(at)-1])
		}
	})
}

// TestLookThatWaits has a look begin late: who is woken meanwhile has none of its own, and what
// comes after it has begun is not left to a look that nobody was promised.
func TestLookThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, w := waker(watching(owner, "photos"))
		asked := func(object string, want int) {
			t.Helper()
			must(t, sift(t, s, proxy("put", owner, "photos/"+object)))
			if at := w.at[owner+" photos"]; len(at) != want {
				t.Errorf("after %s it was asked for %d looks, want %d", object, len(at), want)
			}
		}
		asked("first", 1)
		time.Sleep(time.Millisecond)
		w.waiting = true
		asked("while the look waits", 2)
		asked("once more", 3)
		w.waiting = false
		asked("when it has begun", 4)
		asked("before the next", 4)
	})
}

// TestWakeAgain has those told again who could not be told.
func TestWakeAgain(t *testing.T) {
	s, w := waker(watching(owner, "photos"))
	w.fail = errors.New("no database")
	bring := s.Sift(proxy("put", owner, "photos/a"))
	if err := bring(t.Context()); !errors.Is(err, w.fail) {
		t.Fatalf("got %v", err)
	}
	w.fail = nil
	must(t, bring(t.Context()))
	must(t, bring(t.Context()))
	if at := w.at[owner+" photos"]; len(at) != 1 {
		t.Errorf("woken %v", at)
	}
}

// TestContainersFollow has the index hear of triggers in the database, which come without what they
// remember.
func TestContainersFollow(t *testing.T) {
	r := newRecords(t)
	create := func(container string) faas.Trigger {
		g := watching(owner, container)[0]
		g.ID, g.Calls = "", faas.FunctionRef{FunctionID: r.function.ID}
		g, err := r.CreateTrigger(t.Context(), g, nil)
		must(t, err)
		return g
	}
	create("a")
	x := NewContainers(IndexConfig{Triggers: r, Every: time.Hour})
	keep(t, x)
	of := func(container string) []*entry { return x.of(containerKey([]byte(owner), container)) }
	if got := of("a"); len(got) != 1 || got[0].trigger.State != "" {
		t.Errorf("got %v", got)
	}
	x.Changed(create("b").ID)
	for deadline := time.Now().Add(hangTimeout); len(of("b")) == 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not heard of b")
		}
	}
}
