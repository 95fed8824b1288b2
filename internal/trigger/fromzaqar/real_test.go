package fromzaqar_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/messaging/v2/queues"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/fromzaqar"
	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

const hangTimeout = 5 * time.Minute

// rig is a trigger whose URL is a bare subscriber's, and its queue as the user demo sees it.
type rig struct {
	*triggertest.Real
	*testing.T
	keeper     *fromzaqar.Keeper
	config     fromzaqar.Config
	trigger    faas.Trigger
	taker      *triggertest.Taker
	subscriber *triggertest.Subscriber
	demo       *gophercloud.ServiceClient
	queue      string
}

// newRig fills the queue's name into the settings.
func newRig(t *testing.T, settings string, trust int) *rig {
	real := triggertest.NewReal(t, zaqar.ServiceType)
	r := &rig{Real: real, T: t, subscriber: real.Subscriber(t), taker: &triggertest.Taker{}, queue: "test-" + rand.Text()}
	r.demo = zaqar.NewMessagingV2At(&gophercloud.ProviderClient{TokenID: real.Demo.Token},
		real.Demo.Endpoints[zaqar.ServiceType], uuid.NewString())
	r.trigger = real.Trigger(t, faas.TriggerZaqar, fmt.Sprintf(settings, r.queue), trust)
	r.config = fromzaqar.Config{
		Cloud: real.Trusts, Taker: r.taker,
		URL: func(t faas.Trigger) string {
			return fmt.Sprintf("%s/v1/triggers/%s/events?secret=%d", r.subscriber.URL, t.ID, t.Generation)
		},
	}
	r.keeper = fromzaqar.New(r.config)
	t.Cleanup(func() {
		for _, one := range r.subscriptions() { // where the test failed in between
			_ = zaqar.Unsubscribe(context.Background(), r.demo, r.queue, one.ID)
		}
		if err := queues.Delete(context.Background(), r.demo, r.queue).ExtractErr(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) keep() trigger.Kept {
	r.Helper()
	kept, err := r.keeper.Keep(r.Context(), r.trigger)
	if err != nil {
		r.Fatal(err)
	}
	if kept.State != "" {
		r.trigger.State = kept.State
	}
	return kept
}

func (r *rig) send(bodies ...string) {
	r.Helper()
	var posts zaqar.Posts
	for _, body := range bodies {
		posts = append(posts, zaqar.Post{Body: json.RawMessage(body), TTL: time.Hour})
	}
	if _, err := zaqar.Send(r.Context(), r.demo, r.queue, posts); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) subscriptions() []zaqar.Subscription {
	r.Helper()
	all, _, err := zaqar.ListSubscriptions(context.Background(), r.demo, r.queue, "", 20).Extract()
	if err != nil {
		r.Fatal(err)
	}
	return all
}

// subscription returns the only one that there is to be.
func (r *rig) subscription() zaqar.Subscription {
	r.Helper()
	all := r.subscriptions()
	if len(all) != 1 {
		r.Fatalf("the queue has %d subscriptions: %+v", len(all), all)
	}
	return all[0]
}

// next returns the next event that is pushed, and what came with it.
func (r *rig) next() (body string, d triggertest.Delivery) {
	r.Helper()
	for {
		select {
		case d := <-r.subscriber.Deliveries:
			got, err := fromzaqar.Receive(r.trigger, d.Body, d.At)
			if err != nil {
				r.Fatalf("%s: %v", d.Body, err)
			}
			if len(got) == 0 { // a confirmation
				continue
			}
			if got[0].Validate() != nil {
				r.Errorf("%s: %v", got[0], got[0].Validate())
			}
			return string(got[0].Data()), d
		case <-time.After(hangTimeout):
			r.Fatal("Zaqar sends nothing")
		}
	}
}

// TestRealPush delivers messages from the moment that the keeper has returned, though Zaqar demands
// confirmation and nobody answers what comes to the URL. It prints how long the way to a bare
// subscriber takes.
func TestRealPush(t *testing.T) {
	r := newRig(t, `{"queue": "%s"}`, triggertest.Plain)
	if kept := r.keep(); kept.Again <= 0 {
		t.Errorf("kept %+v", kept)
	}
	var took []time.Duration
	for i := range 21 {
		begun := time.Now()
		r.send(strconv.Itoa(i))
		body, d := r.next()
		took = append(took, d.At.Sub(begun))
		if want := "/v1/triggers/" + r.trigger.ID + "/events?secret=1"; body != strconv.Itoa(i) || d.Path != want {
			t.Errorf("got %s at %s, want %d at %s", body, d.Path, i, want)
		}
	}
	slices.Sort(took)
	t.Logf("from posting to a bare subscriber: p50 %s, best %s, worst %s", took[len(took)/2], took[0], took[len(took)-1])
}

// TestRealSubscriptionIsKept as the trigger says: once, through whatever its user or the keeper's
// death does to it, and it is gone with the trigger.
func TestRealSubscriptionIsKept(t *testing.T) {
	r := newRig(t, `{"queue": "%s"}`, triggertest.Plain)
	ctx := t.Context()
	r.keep()
	made, state := r.subscription(), r.trigger.State
	if !made.Confirmed || made.TTL != 3600 || made.Subscriber != r.config.URL(r.trigger) {
		t.Errorf("made %+v", made)
	}
	same := func(what string) {
		t.Helper()
		r.keep()
		if now := r.subscription(); now.ID != made.ID || !now.Confirmed || len(now.Options) != 0 || r.trigger.State != state {
			t.Errorf("%s: it is %+v, was %+v; state %s, was %s", what, now, made, r.trigger.State, state)
		}
	}
	same("nothing changed")
	r.trigger.State = ""
	same("the process died before it was remembered")
	if err := zaqar.Confirm(ctx, r.demo, r.queue, made.ID, false).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	r.trigger.State = ""
	same("it was made, not confirmed and not remembered")
	if err := zaqar.Confirm(ctx, r.demo, r.queue, made.ID, false).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	same("its confirmation was withdrawn by hand")
	change := zaqar.UpdateSubscriptionOpts{Options: map[string]any{"post_data": "mine"}}
	if err := zaqar.UpdateSubscription(ctx, r.demo, r.queue, made.ID, change).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	same("its options were changed by hand")
	r.send(`"it works"`)
	if body, _ := r.next(); body != `"it works"` {
		t.Errorf("got %s", body)
	}

	if err := zaqar.Unsubscribe(ctx, r.demo, r.queue, made.ID).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	r.keep()
	if now := r.subscription(); now.ID == made.ID || !now.Confirmed {
		t.Errorf("deleted by hand, and %+v", now)
	}
	r.trigger.Generation = 2
	r.keep()
	if now := r.subscription(); !strings.HasSuffix(now.Subscriber, "secret=2") || !now.Confirmed {
		t.Errorf("the trigger has another URL, and %+v", now)
	}
	r.trigger.Status = faas.TriggerPaused
	if kept := r.keep(); kept.Again != 0 || len(r.subscriptions()) != 0 {
		t.Errorf("the trigger is paused, and %+v, kept %+v", r.subscriptions(), kept)
	}
	r.trigger.Status = faas.TriggerActive
	r.keep()
	r.subscription()
	r.trigger.State = "" // the process died before it was remembered
	for range 2 {        // the second time there is nothing
		if err := r.keeper.Release(ctx, r.trigger); err != nil {
			t.Fatal(err)
		}
		if left := r.subscriptions(); len(left) != 0 {
			t.Errorf("the trigger is deleted, and leaves %+v", left)
		}
	}
	r.keep()
	r.trigger.Settings = fmt.Sprintf(`{"queue": "%s", "mode": "pull"}`, r.queue)
	r.keep()
	if left := r.subscriptions(); len(left) != 0 {
		t.Errorf("the trigger pulls, and has %+v", left)
	}
}

// TestRealSubscriptionIsRenewed before it ends.
func TestRealSubscriptionIsRenewed(t *testing.T) {
	r := newRig(t, `{"queue": "%s"}`, triggertest.Plain)
	r.keep()
	made := r.subscription()
	r.config.TTL = 2 * time.Minute // of what has been kept for an hour, to which it is put right
	r.keeper = fromzaqar.New(r.config)
	if kept := r.keep(); kept.Again > time.Minute {
		t.Errorf("kept again after %s", kept.Again)
	}
	if now := r.subscription(); now.ID != made.ID || now.TTL != 120 || now.Age > made.Age+60 || !now.Confirmed {
		t.Errorf("it is %+v", now)
	}
}

// TestRealPushWithToken sends a token of the trigger's user, by a trust of Zaqar's own. That cannot
// be renewed, so that there is a new subscription for it from time to time.
func TestRealPushWithToken(t *testing.T) {
	r := newRig(t, `{"queue": "%s", "action": "trust+http"}`, triggertest.ForZaqar)
	r.keep()
	made, state := r.subscription(), r.trigger.State
	r.keep()
	if now := r.subscription(); now.ID != made.ID || r.trigger.State != state {
		t.Errorf("nothing changed: %+v, was %+v; %s, was %s", now, made, r.trigger.State, state)
	}
	for round := range 2 {
		r.send(`"` + strconv.Itoa(round) + `"`)
		body, d := r.next()
		token, err := r.Trusts.Keystone.Validate(t.Context(), d.Header.Get("X-Auth-Token"))
		if err != nil || token.UserID != r.Demo.UserID || token.ProjectID != r.Demo.ProjectID {
			t.Errorf("sent the token of %+v, %v", token, err)
		}
		if body != `"`+strconv.Itoa(round)+`"` || d.Path != "/v1/triggers/"+r.trigger.ID+"/events?secret=1" {
			t.Errorf("got %s at %s", body, d.Path)
		}
		r.config.TTL = 2 * time.Minute // a change of which it is made anew
		r.keeper = fromzaqar.New(r.config)
		r.keep()
	}
	if now := r.subscription(); now.ID == made.ID || !strings.HasSuffix(now.Subscriber, "#1") || !now.Confirmed {
		t.Errorf("it is %+v", now)
	}
	if err := r.keeper.Release(t.Context(), r.trigger); err != nil {
		t.Fatal(err)
	}
	if left := r.subscriptions(); len(left) != 0 {
		t.Errorf("the trigger is deleted, and leaves %+v", left)
	}
	r.EndTrust(t, r.trigger.TrustID)
}

// TestRealZaqarAway is told from what is wrong with a trigger.
func TestRealZaqarAway(t *testing.T) {
	for _, mode := range []string{"push", "pull"} {
		r := newRig(t, `{"queue": "%s", "mode": "`+mode+`"}`, triggertest.Plain)
		dead := &triggertest.Killable{}
		dead.Kill()
		r.Trusts.HTTP = &http.Client{Transport: dead}
		r.config.Cloud = r.Trusts
		keeper := fromzaqar.New(r.config)
		if _, err := keeper.Keep(t.Context(), r.trigger); faas.KindOf(err) != faas.Unavailable {
			t.Errorf("%s: got %v", mode, err)
		}
		if err := keeper.Release(t.Context(), r.trigger); mode == "push" && faas.KindOf(err) != faas.Unavailable {
			t.Errorf("%s: got %v", mode, err)
		}
	}
}
