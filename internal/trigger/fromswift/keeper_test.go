package fromswift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

const both = `, "events": ["created", "deleted"]`

func (r *rig) want(what string, events ...string) {
	r.Helper()
	r.see()
	got := r.got()
	slices.Sort(got)
	slices.Sort(events)
	if !slices.Equal(got, events) {
		r.Errorf("%s: got %q, not %q", what, got, events)
	}
}

func TestWhatBecomesOfObjects(t *testing.T) {
	onBoth(t, both+`, "prefix": "in/", "suffix": ".jpg"`, func(r *rig) {
		r.put("in/old.jpg", "old")
		r.t.CreatedAt = time.Now()
		r.want("what was there before")
		r.cloud.asked()
		state := r.t.State
		r.want("nothing happened")
		if asked := r.cloud.asked(); asked != "GET" || r.t.State != state {
			t.Errorf("an idle look asked %q, and left %q after %q", asked, r.t.State, state)
		}
		r.put("in/ü 1?.jpg", "one")
		r.put("in/x.png", "another suffix")
		r.put("out/x.jpg", "another prefix")
		r.want("a new one", "created in/ü 1?.jpg")
		r.put("in/ü 1?.jpg", "two")
		r.put("in/old.jpg", "OLD")
		r.want("overwritten by as many bytes", "created in/ü 1?.jpg", "created in/old.jpg")
		if err := r.mine.Touch(r.Context(), r.container, "in/old.jpg"); err != nil {
			r.Fatal(err)
		}
		r.want("touched", "created in/old.jpg")
		r.delete("in/old.jpg")
		r.delete("in/x.png")
		r.want("gone", "deleted in/old.jpg")
		r.put("in/old.jpg", "again")
		r.want("there again", "created in/old.jpg")
		r.delete("in/old.jpg")
		r.want("gone again", "deleted in/old.jpg")
		r.delete("in/ü 1?.jpg")
		r.put("in/ü 1?.jpg", "three")
		r.want("gone and there between two looks", "created in/ü 1?.jpg")
		if r.taker.duplicates != 0 {
			t.Errorf("%d duplicates", r.taker.duplicates)
		}
	})
}

func TestEvents(t *testing.T) {
	r := onSmall(t, both)
	r.put("a/ü", "text")
	r.see()
	r.delete("a/ü")
	r.see()
	if len(r.taker.events) != 2 {
		t.Fatalf("got %v", r.taker.events)
	}
	var data struct {
		Container, Object, ETag string
		Bytes                   *int
		ContentType             string    `json:"content_type"`
		LastModified            time.Time `json:"last_modified"`
	}
	made, gone := r.taker.events[0], r.taker.events[1]
	if err := json.Unmarshal(made.Data(), &data); err != nil {
		t.Fatal(err)
	}
	if data.Container != "c" || data.Object != "a/ü" || data.ETag != swift.MD5([]byte("text")) || *data.Bytes != 4 ||
		data.ContentType != "application/octet-stream" || !data.LastModified.Equal(made.Time()) {
		t.Errorf("%s", made)
	}
	if made.Time().Before(r.t.CreatedAt) || time.Since(made.Time()) < 0 {
		t.Errorf("at %v", made.Time())
	}
	if made.Source() == "" || gone.Source() != made.Source() || gone.ID() == made.ID() {
		t.Errorf("%s\n%s", made, gone)
	}
}

// TestOnlyDeletions has a trigger that no new object concerns.
func TestOnlyDeletions(t *testing.T) {
	onBoth(t, `, "events": ["deleted"]`, func(r *rig) {
		r.want("nothing there")
		r.putMany("a", "b", "c")
		r.want("new ones")
		r.delete("b")
		r.want("gone", "deleted b")
		r.t.Settings = r.settings("") // created
		r.delete("c")
		r.put("d", "d")
		r.want("other events are wanted", "created d")
		if strings.Contains(r.t.State, `"names"`) {
			t.Error("names are kept that nobody asks for")
		}
	})
}

func TestThousandAtOnce(t *testing.T) {
	onBoth(t, both, func(r *rig) {
		r.see()
		objects := r.objects(1000)
		r.putMany(numbered(0, objects)...)
		if n := r.see(); n != objects || r.taker.came != objects {
			t.Errorf("%d events, which came %d times", n, r.taker.came)
		}
		r.deleteMany(numbered(0, objects)...)
		if n := r.see(); n != objects || r.taker.came != 2*objects {
			t.Errorf("%d deletions; %d events came", n, r.taker.came)
		}
	})
}

// TestKilled has processes die amid events, and others begin from the state that was written last.
func TestKilled(t *testing.T) {
	onBoth(t, both, func(r *rig) {
		objects := r.objects(600)
		random := rand.New(rand.NewPCG(1, 2))
		r.see()
		kill := func() (killed bool) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			at, state := r.taker.came+1+random.IntN(objects*5/12), r.t.State
			r.taker.before = func(n int) error {
				if n == at {
					cancel()
				}
				return nil
			}
			_, err := r.look(ctx)
			r.taker.before = nil
			if err == nil {
				return false
			}
			if faas.KindOf(err) != faas.Unavailable {
				r.Fatal(err)
			}
			if random.IntN(2) == 0 {
				r.t.State = state // it died before it was written
			}
			r.another()
			return true
		}
		kills := 0
		for _, change := range []func(){
			func() { r.putMany(numbered(0, objects)...) },
			func() { r.deleteMany(numbered(0, objects/2)...) },
		} {
			change()
			for range 8 {
				if kill() {
					kills++
				}
			}
			r.see()
		}
		events := objects * 3 / 2
		if n := r.taker.count(); n != events || kills < 4 {
			t.Errorf("%d different events after %d kills", n, kills)
		}
		if r.taker.came-r.taker.duplicates < events || r.taker.duplicates == 0 {
			t.Errorf("%d came, %d are told as duplicates", r.taker.came, r.taker.duplicates)
		}
		t.Logf("%d kills: %d events came %d times, %d were duplicates", kills, events, r.taker.came, r.taker.duplicates)
		if n := r.see(); n != 0 {
			t.Errorf("%d more", n)
		}
	})
}

// TestBusy has a taker that takes a few events at a time.
func TestBusy(t *testing.T) {
	onBoth(t, both, func(r *rig) {
		r.see()
		r.putMany(numbered(0, 300)...)
		refused := faas.Errorf(faas.OverQuota, "The project's quota of calls_per_minute is used up.")
		refused.RetryAfter = 7 * time.Second
		r.taker.before = func(n int) error {
			if n%50 == 0 {
				return refused
			}
			return nil
		}
		looks := 0
		for ; ; looks++ {
			kept, err := r.look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if kept.Note == "" {
				break
			}
			if kept.Again != 7*time.Second || !strings.Contains(kept.Note, "calls_per_minute") {
				t.Errorf("%+v", kept)
			}
		}
		if n := r.see() + r.taker.count(); n != 300 || looks < 3 || r.taker.duplicates != 0 {
			t.Errorf("%d events in %d looks, %d duplicates", n, looks, r.taker.duplicates)
		}
		r.taker.before = func(int) error { return errors.New("broken") }
		r.put("x", "x")
		if _, err := r.look(t.Context()); err == nil {
			t.Error("an error that does not pass is kept")
		}
		r.taker.before = nil
		r.got()
		r.want("mended", "created x")
	})
}

// TestLateInTheList has an object whose upload begins before that of others and ends after it: its
// time is that of the beginning.
func TestLateInTheList(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		r := onSmall(t, both)
		r.put("slow", "x")
		r.small.List("p", "c", "slow", false)
		r.put("other", "x")
		r.want("before it is listed", "created other")
		r.small.List("p", "c", "slow", true)
		r.want("once it is", "created slow")
		r.small.List("p", "c", "slow", false)
		r.want("a list that lacks it is no deletion")
		r.small.List("p", "c", "slow", true)
		r.want("and when it has it again, it is not new")
		r.delete("slow")
		r.want("deleted", "deleted slow")
	})
	t.Run("real", func(t *testing.T) {
		r := onReal(t, both)
		r.see()
		body, write := io.Pipe()
		to := r.cloud.endpoint + "/" + url.PathEscape(r.container) + "/slow"
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, to, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Auth-Token", r.cloud.token)
		done := make(chan error, 1)
		go func() {
			answer, err := http.DefaultTransport.RoundTrip(request)
			if err == nil {
				err = answer.Body.Close()
			}
			done <- err
		}()
		if _, err := write.Write([]byte("half")); err != nil {
			t.Fatal(err)
		}
		// Swift has begun with it once it has read more than fits anywhere in between.
		if _, err := write.Write(make([]byte, 8<<20)); err != nil {
			t.Fatal(err)
		}
		r.put("other", "x")
		r.want("while it is uploaded", "created other")
		if err := errors.Join(write.Close(), <-done); err != nil {
			t.Fatal(err)
		}
		r.want("once it is there", "created slow")
		var at [2]time.Time
		for i, name := range []string{"slow", "other"} {
			if err := r.mine.List(t.Context(), r.container, func(e swift.Entry) error {
				if e.Name == name {
					at[i] = e.Modified
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !at[0].Before(at[1]) {
			t.Errorf("%v is not before %v: the test shows nothing", at[0], at[1])
		}
	})
}

// TestPaused has a pause, in which nothing is seen, and another container.
func TestPaused(t *testing.T) {
	onBoth(t, both, func(r *rig) {
		r.put("a", "x")
		r.want("before", "created a")
		r.t.Status = faas.TriggerPaused
		kept, err := r.look(t.Context())
		if err != nil || kept.Again != 0 {
			t.Errorf("paused: %+v, %v", kept, err)
		}
		r.put("b", "x")
		r.t.Status, r.t.UpdatedAt = faas.TriggerActive, time.Now()
		r.put("c", "x")
		r.want("what came after it was resumed, before the first look", "created c")
		r.t.Settings, r.t.UpdatedAt = r.settings(`, "prefix": "b"`), time.Now()
		r.want("other objects")
		r.put("b2", "x")
		r.put("a2", "x")
		r.want("a new one of those", "created b2")
		r.t.Settings, r.t.UpdatedAt = r.settings(`, "prefix": "a"`), time.Now()
		r.want("what was there when the prefix became another")
	})
}

func TestErrors(t *testing.T) {
	r := onSmall(t, "")
	r.see()
	r.put("a", "x")
	state := r.t.State
	fails := func(what string, kind faas.Kind, says string) {
		t.Helper()
		_, err := r.look(t.Context())
		if faas.KindOf(err) != kind || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("%s: %v", what, err)
		}
		if r.t.State != state || r.taker.came != 0 {
			t.Errorf("%s: the state is %q, %d events", what, r.t.State, r.taker.came)
		}
	}
	for _, status := range []int{500, 503, 498, 429} {
		r.small.Fail(status)
		fails(fmt.Sprint(status), faas.Unavailable, "looked at again")
	}
	r.small.Fail(http.StatusPreconditionFailed)
	fails("refused", faas.Invalid, "refuses to list")
	r.small.Fail(0)
	r.small.Revoke("token")
	fails("a token that ended", faas.Unavailable, "token")
	r.small.Grant("token", "another")
	fails("no right", faas.Forbidden, "roles")
	r.small.Grant("token", "p")
	r.cloud.failed = faas.Errorf(faas.Forbidden, "The trust is gone.")
	fails("no client", faas.Forbidden, "trust is gone")
	r.cloud.failed = nil
	endpoint := r.cloud.endpoint
	r.cloud.endpoint = "http://127.0.0.1:1/v1/AUTH_p"
	fails("nobody there", faas.Unavailable, "can not be reached")
	r.cloud.endpoint = endpoint
	r.small.Hold()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.look(ctx); faas.KindOf(err) != faas.Unavailable || r.t.State != state {
		t.Errorf("no answer: %v", err)
	}
	r.small.Release()
	r.want("afterwards", "created a")
	r.t.Settings = "{}"
	if _, err := r.look(t.Context()); faas.KindOf(err) != faas.Invalid {
		t.Errorf("settings that are none: %v", err)
	}
}

// TestNoContainer has a trigger whose container is made later, and made again.
func TestNoContainer(t *testing.T) {
	onBoth(t, both, func(r *rig) {
		if err := r.mine.DeleteContainer(t.Context(), r.container); err != nil {
			t.Fatal(err)
		}
		missing := func() {
			t.Helper()
			_, err := r.look(t.Context())
			says := fmt.Sprintf("no container %q", r.container)
			if faas.KindOf(err) != faas.NotFound || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v", err)
			}
		}
		missing()
		if err := r.mine.EnsureContainer(t.Context(), r.container); err != nil {
			t.Fatal(err)
		}
		r.put("first", "x")
		r.want("made after the trigger", "created first")
		r.delete("first")
		if err := r.mine.DeleteContainer(t.Context(), r.container); err != nil {
			t.Fatal(err)
		}
		missing()
		if err := r.mine.EnsureContainer(t.Context(), r.container); err != nil {
			t.Fatal(err)
		}
		r.put("second", "x")
		r.want("made again", "created second", "deleted first")
	})
}

// TestRedirectsAreNotFollowed has a Swift that would like the token to go elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	told := make(chan string, 1)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		told <- q.Header.Get("X-Auth-Token")
	}))
	t.Cleanup(elsewhere.Close)
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(server.Close)
	r := onSmall(t, "")
	r.cloud.endpoint = server.URL
	if _, err := r.look(t.Context()); err == nil || len(told) != 0 {
		t.Errorf("%v; %d asked elsewhere", err, len(told))
	}
}
