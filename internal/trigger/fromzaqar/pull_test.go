package fromzaqar_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// TestRealPull takes each message once, though the process is killed again and again while it
// does: what had been taken, and not yet deleted, comes again and is known. (1,000 messages take
// minutes: a Zaqar on Swift makes ten requests of Swift for each.)
func TestRealPull(t *testing.T) {
	const messages, kills = 100, 3
	r := newRig(t, `{"queue": "%s", "mode": "pull"}`, triggertest.Plain)
	r.sendMany(messages)
	begun := time.Now()
	for kill := range kills {
		r.keepUntilKilled(len(r.taker.Events()) + 5 + rand.IntN(15))
		t.Logf("killed %d times: %d taken, %d came again", kill+1, len(r.taker.Events()), r.taker.Duplicates())
	}
	pulled := len(r.taker.Events())
	// What dead processes have claimed comes again when the claims have expired.
	for empty := false; !empty || len(r.taker.Events()) < messages; {
		if time.Since(begun) > 3*hangTimeout { // Zaqar on Swift takes a second for 20 messages
			t.Fatalf("of %d messages %d were taken", messages, len(r.taker.Events()))
		}
		select {
		case <-time.After(r.keep().Again):
		case <-t.Context().Done():
		}
		empty = !r.any()
	}
	r.each(messages)
	t.Logf("%d messages, killed %d times: %s in all, %d after the last, %d came again and were known",
		messages, kills, time.Since(begun).Round(time.Millisecond), messages-pulled, r.taker.Duplicates())
	if r.taker.Duplicates() == 0 {
		t.Error("no process was killed between taking a message and deleting it: the test shows nothing")
	}
}

// sendMany sends 0, 1, 2 and so on.
func (r *rig) sendMany(messages int) {
	r.Helper()
	var senders errgroup.Group
	senders.SetLimit(4)
	for first := 0; first < messages; first += 20 {
		var posts zaqar.Posts
		for i := range 20 {
			posts = append(posts, zaqar.Post{Body: first + i, TTL: time.Hour})
		}
		senders.Go(func() error {
			_, err := zaqar.Send(r.Context(), r.demo, r.queue, posts)
			return err
		})
	}
	if err := senders.Wait(); err != nil {
		r.Fatal(err)
	}
}

// keepUntilKilled keeps in a process of its own, which is killed when so many messages were taken.
func (r *rig) keepUntilKilled(taken int) {
	r.Helper()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	process := &triggertest.Killable{}
	trusts, config := r.Trusts, r.config
	trusts.HTTP = &http.Client{Transport: process}
	config.Cloud = trusts
	config.Taker = &triggertest.Watched{Taker: r.taker, After: func(event.Event) {
		if len(r.taker.Events()) >= taken {
			process.Kill()
			cancel()
		}
	}}
	for ctx.Err() == nil {
		kept, err := fromzaqar.New(config).Keep(ctx, r.trigger)
		if err == nil && kept.State != "" {
			r.trigger.State = kept.State
		} else if err != nil && ctx.Err() == nil {
			r.Fatal(err)
		}
	}
}

func (r *rig) any() bool {
	r.Helper()
	there, err := zaqar.Any(r.Context(), r.demo, r.queue)
	if err != nil {
		r.Fatal(err)
	}
	return there
}

// each expects every message to have been taken once.
func (r *rig) each(messages int) {
	r.Helper()
	seen := map[int]int{}
	for _, e := range r.taker.Events() {
		n, err := strconv.Atoi(string(e.Data()))
		if err != nil {
			r.Fatal(err)
		}
		seen[n]++
	}
	for i := range messages {
		if seen[i] != 1 {
			r.Errorf("message %d was taken %d times", i, seen[i])
		}
	}
	if len(seen) != messages {
		r.Errorf("%d messages were taken, want %d", len(seen), messages)
	}
}

// TestRealPullOfNothing asks less and less often, and at once when there is something.
func TestRealPullOfNothing(t *testing.T) {
	r := newRig(t, `{"queue": "%s", "mode": "pull"}`, triggertest.Plain)
	var waits []time.Duration
	for range 6 { // at first there is no queue
		waits = append(waits, r.keep().Again/time.Second)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		if waits[i] != want {
			t.Errorf("asked after %d seconds, want [1 2 4 8 10 10]", waits)
			break
		}
	}
	r.send("0")
	if kept := r.keep(); kept.Again != time.Second {
		t.Errorf("asked after %s when there had been a message", kept.Again)
	}
	r.each(1)
	r.trigger.Status = faas.TriggerPaused
	r.send("1")
	if kept := r.keep(); kept.Again != 0 || len(r.taker.Events()) != 1 {
		t.Errorf("paused, and it is asked after %s, with %d taken", kept.Again, len(r.taker.Events()))
	}
	r.trigger.Status = faas.TriggerActive
	r.keep()
	r.each(2)
}

// TestRealPullWhileBusy leaves to the queue what is not taken, at once, and asks when there may be
// room.
func TestRealPullWhileBusy(t *testing.T) {
	r := newRig(t, `{"queue": "%s", "mode": "pull"}`, triggertest.Plain)
	r.send("0", "1", "2", "3")
	busy := faas.Errorf(faas.Busy, "Not now.")
	busy.RetryAfter = 3 * time.Second
	r.taker.Refuse = func(event.Event) error {
		if len(r.taker.Events()) == 2 {
			return busy
		}
		return nil
	}
	if kept := r.keep(); kept.Again != busy.RetryAfter || len(r.taker.Events()) != 2 {
		t.Errorf("asked after %s, with %d taken", kept.Again, len(r.taker.Events()))
	}
	if !r.any() {
		t.Error("what was not taken was not given back")
	}
	over := faas.Errorf(faas.OverQuota, "No more.")
	r.taker.Refuse = func(event.Event) error { return over }
	if _, err := r.keeper.Keep(t.Context(), r.trigger); faas.KindOf(err) != faas.OverQuota || !r.any() {
		t.Errorf("over its quota, and got %v", err)
	}
	r.taker.Refuse = nil
	r.keep()
	r.each(4)
	if r.any() || r.taker.Duplicates() != 0 {
		t.Errorf("left some: %v; %d duplicates", r.any(), r.taker.Duplicates())
	}
}

// TestRealPullInBatches makes one event of several messages.
func TestRealPullInBatches(t *testing.T) {
	r := newRig(t, `{"queue": "%s", "mode": "pull", "batch": 3}`, triggertest.Plain)
	r.send("0", "1", "2", `{"n": 3}`)
	r.keep()
	var sizes []int
	for _, e := range r.taker.Events() {
		var data struct {
			Messages []struct {
				ID   string
				Body json.RawMessage
			}
		}
		if err := e.DataAs(&data); err != nil || e.Validate() != nil {
			t.Errorf("%s: %v, %v", e, err, e.Validate())
		}
		sizes = append(sizes, len(data.Messages))
	}
	if len(sizes) != 2 || sizes[0] != 3 || sizes[1] != 1 || r.any() {
		t.Errorf("got %v messages", sizes)
	}
}
