package followup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/store"
)

// receiver is a server that answers with the statuses that it is given, the last again and again,
// and keeps what it gets.
type receiver struct {
	url      string
	mu       sync.Mutex
	statuses []int
	got      [][]byte
	headers  []http.Header
}

func newReceiver(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.headers = append(r.got, body), append(r.headers, q.Header)
		w.WriteHeader(r.statuses[min(len(r.got), len(r.statuses))-1])
		_, _ = w.Write([]byte(`{"resources":[]}`))
	}))
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// reachLoopback lets the rig's follower send to servers of tests.
func (r *rig) reachLoopback() {
	urls := outbound.New(outbound.Config{
		Networks: outbound.Networks{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	r.Cleanup(urls.Close)
	r.follower.cfg.URLs = urls
}

// cloud has everything at one URL, and says for which trust it was asked.
type cloud struct {
	url    string
	err    error
	trusts []string
}

func (c *cloud) Client(_ context.Context, t faas.Trigger, serviceType string) (*gophercloud.ServiceClient, error) {
	c.trusts = append(c.trusts, t.TrustID+" in "+t.ProjectID+" for "+serviceType)
	return &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: "token"}, Endpoint: c.url + "/",
	}, c.err
}

// ended has an execution of the function end, and what follows it decided.
func (r *rig) ended(function string, status faas.ExecutionStatus, change func(*faas.Execution)) faas.Execution {
	r.Helper()
	x := r.queue(func(x *faas.Execution) {
		x.FunctionID = function
		change(x)
	})
	r.end(x.ID, status, `{"duration":1,"output":"<b>"}`)
	if next, err := r.follow(x.ID); err != nil || next != duework.Recorded() {
		r.Fatalf("what follows: %+v, %v", next, err)
	}
	x, err := r.store.Execution(r.Context(), faas.AnyProject(), x.ID)
	r.must(err)
	return x
}

func same(*faas.Execution) {}

// deliver delivers an outcome once.
func (r *rig) deliver(id string) (duework.Next, error) {
	r.Helper()
	i := r.take(store.Delivery, id)
	next, err := r.follower.Deliver(r.Context(), i)
	r.settle(i, next, err)
	return next, err
}

// TestDestinations take the outcomes that they are for, and no others.
func TestDestinations(t *testing.T) {
	for _, c := range []struct {
		status faas.ExecutionStatus
		event  string // "": nothing is delivered
		on     string
	}{
		{faas.ExecutionSuccess, typeSucceeded, "success"},
		{faas.ExecutionFailed, typeFailed, "failure"},
		{faas.ExecutionError, typeFailed, "failure"},
		{faas.ExecutionSuccess, "", "failure"},
		{faas.ExecutionFailed, "", "success"},
	} {
		r := newRig(t)
		r.reachLoopback()
		to := newReceiver(t, http.StatusAccepted)
		f := r.newFunction(func(f *faas.Function) {
			if c.on == "success" {
				f.OnSuccess.URL = to.url
			} else {
				f.OnFailure.URL = to.url
			}
		})
		x := r.queue(func(x *faas.Execution) { x.FunctionID = f })
		r.end(x.ID, c.status, "{}")
		next, err := r.follow(x.ID)
		if c.event == "" {
			if err != nil || next != duework.Done() {
				t.Errorf("%s, of which nobody hears: %+v, %v", c.status, next, err)
			}
			continue
		}
		if err != nil || next != duework.Recorded() {
			t.Errorf("%s: %+v, %v", c.status, next, err)
		}
		if next, err := r.deliver(x.ID); err != nil || next != duework.Done() || len(to.got) != 1 {
			t.Fatalf("%s: %+v, %v, %d requests", c.status, next, err, len(to.got))
		}
		if e, err := event.Unmarshal(to.got[0]); err != nil || e.Type() != c.event || e.ID() != x.ID {
			t.Errorf("%s: sent %s, %v", c.status, to.got[0], err)
		}
	}
}

// TestOutcome is what receivers get, byte for byte.
func TestOutcome(t *testing.T) {
	r := newRig(t)
	r.reachLoopback()
	to := newReceiver(t, http.StatusNoContent)
	f := r.newFunction(func(f *faas.Function) { f.OnSuccess.URL = to.url })
	x := r.ended(f, faas.ExecutionSuccess, func(x *faas.Execution) {
		x.Input = `{"big": 12345678901234567890, "a":"<&>"}`
	})
	_, err := r.deliver(x.ID)
	r.must(err)
	want := `{"specversion":"1.0","id":"` + x.ID + `","source":"/v1/functions/` + f +
		`","type":"org.openstack.faas.execution.succeeded","subject":"` + x.ID +
		`","time":"2030-01-01T00:00:00Z","datacontenttype":"application/json","faasdepth":1,"data":{"execution_id":"` + x.ID +
		`","function_id":"` + f + `","function_version":0,"status":"success",` +
		`"input":{"big":12345678901234567890,"a":"<&>"},` +
		`"result":{"duration":1,"output":"<b>"},"bounded":false}}`
	if got := string(to.got[0]); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	if h := to.headers[0]; h.Get("Content-Type") != "application/cloudevents+json" {
		t.Errorf("sent with %v", h)
	}
	large := r.ended(f, faas.ExecutionSuccess, func(x *faas.Execution) {
		x.Input = `{"a":"` + strings.Repeat("x", maxCarried) + `"}`
	})
	_, err = r.deliver(large.ID)
	r.must(err)
	var sent struct{ Data outcome }
	r.must(json.Unmarshal(to.got[1], &sent))
	if o := sent.Data; !o.Bounded || o.Input != nil || string(o.Result) != `{"duration":1,"output":"<b>"}` {
		t.Errorf("of a large input: %s", to.got[1])
	}
}

// TestFunctionAsDestination is executed once, however often the outcome is taken to it, and is the
// deeper the longer the chain is, which has an end.
func TestFunctionAsDestination(t *testing.T) {
	r := newRig(t)
	next := r.newFunction(func(*faas.Function) {})
	f := r.newFunction(func(f *faas.Function) { f.OnFailure.Calls.FunctionID = next })
	g := r.trigger(0, 0)
	x := r.ended(f, faas.ExecutionFailed, func(x *faas.Execution) {
		x.TriggerID, x.Input, x.RequestID = g.ID, r.input(anEvent(3, 1)), "req-1"
	})
	if len(r.letters(g)) != 1 {
		t.Error("the event is no dead letter")
	}
	old := r.take(store.Delivery, x.ID)
	r.must(r.store.DueFailed(t.Context(), old, 0, "its engine is away"))
	i := r.take(store.Delivery, x.ID)
	for n, item := range []store.DueItem{i, i, old} {
		if got, err := r.follower.Deliver(t.Context(), item); n == 0 && (err != nil || got != duework.Recorded()) ||
			n > 0 && !errors.Is(err, store.ErrNotInHand) {
			t.Errorf("delivery %d: %+v, %v", n+1, got, err)
		}
	}
	// An item that is there again, as after a restored database, finds the execution.
	r.must(r.store.AddDue(t.Context(), store.Delivery, x.ID, 0))
	if got, err := r.deliver(x.ID); err != nil || got != duework.Done() {
		t.Errorf("once more: %+v, %v", got, err)
	}
	made := slices.DeleteFunc(r.executions(), func(x faas.Execution) bool { return x.FunctionID != next })
	if len(made) != 1 {
		t.Fatalf("made are %+v", made)
	}
	y := made[0]
	e, ok, err := event.FromInput(y.Input)
	if err != nil || !ok || event.Depth(e) != 4 || e.ID() != x.ID || e.Type() != typeFailed {
		t.Errorf("its input is %s, %v", y.Input, err)
	}
	if y.UserID != "u" || y.RequestID != "req-1" || y.Description != "Created by Execution "+x.ID || y.TriggerID != "" ||
		y.FollowUp || y.Status != faas.ExecutionQueued {
		t.Errorf("made is %+v", y)
	}
}

// TestLoops end: a function that is its own destination is executed as often in a row as may be.
func TestLoops(t *testing.T) {
	r := newRig(t)
	_, err := r.store.CreateAlias(t.Context(), faas.Alias{ProjectID: project, Name: "loop", FunctionID: r.function}, nil)
	r.must(err)
	to := faas.Destination{Calls: faas.FunctionRef{Alias: "loop"}}
	_, err = r.store.UpdateFunction(t.Context(), faas.AnyProject(), r.function, store.FunctionChange{OnSuccess: &to})
	r.must(err)
	id := r.queue(same).ID
	for n := 0; ; n++ {
		r.end(id, faas.ExecutionSuccess, "{}")
		_, err := r.follow(id)
		r.must(err)
		next, err := r.deliver(id)
		r.must(err)
		if next == duework.Done() {
			if n != faas.MaxEventDepth {
				t.Errorf("after %d executions it ends", n)
			}
			break
		}
		all := r.executions()
		if id = all[len(all)-1].ID; !all[len(all)-1].FollowUp || all[len(all)-1].FunctionAlias != "loop" {
			t.Fatalf("made is %+v", all[len(all)-1])
		}
		r.pass(time.Second)
	}
}

// TestQueue gets the event by the function's own trust.
func TestQueue(t *testing.T) {
	r := newRig(t)
	zaqar := newReceiver(t, http.StatusCreated, http.StatusServiceUnavailable, http.StatusForbidden)
	c := &cloud{url: zaqar.url}
	r.follower.cfg.Cloud = c
	r.must(r.store.ScheduleTrustDeletion(t.Context(), "trust-1", time.Hour))
	f := r.newFunction(func(f *faas.Function) { f.OnSuccess.Queue, f.TrustID = "results", "trust-1" })
	x := r.ended(f, faas.ExecutionSuccess, same)
	if next, err := r.deliver(x.ID); err != nil || next != duework.Done() {
		t.Fatalf("delivered: %+v, %v", next, err)
	}
	var sent struct {
		Messages []struct {
			TTL  int
			Body json.RawMessage
		}
	}
	r.must(json.Unmarshal(zaqar.got[0], &sent))
	h := zaqar.headers[0]
	if len(sent.Messages) != 1 || sent.Messages[0].TTL != 86400 || h.Get("X-Auth-Token") != "token" ||
		!faas.IsID(h.Get("Client-Id")) {
		t.Errorf("sent %s with %v", zaqar.got[0], h)
	}
	if e, err := event.Unmarshal(sent.Messages[0].Body); err != nil || e.ID() != x.ID || event.Depth(e) != 1 {
		t.Errorf("sent %s, %v", zaqar.got[0], err)
	}
	if want := "trust-1 in " + project + " for messaging"; len(c.trusts) != 1 || c.trusts[0] != want {
		t.Errorf("asked for %v", c.trusts)
	}
	x = r.ended(f, faas.ExecutionSuccess, same)
	if _, err := r.deliver(x.ID); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("while Zaqar is away: %v", err)
	}
	if next, err := r.deliver(x.ID); err != nil || next != duework.Done() { // refused for good
		t.Errorf("refused: %+v, %v", next, err)
	}
	x = r.ended(f, faas.ExecutionSuccess, same)
	c.err = faas.Errorf(faas.Forbidden, "The trust is gone.")
	if next, err := r.deliver(x.ID); err != nil || next != duework.Done() {
		t.Errorf("without a trust: %+v, %v", next, err)
	}
	if len(zaqar.got) != 3 {
		t.Errorf("Zaqar was asked %d times", len(zaqar.got))
	}
}

// TestURLs are tried again until they answer well, unless they will not.
func TestURLs(t *testing.T) {
	r := newRig(t)
	r.reachLoopback()
	to := newReceiver(t, 500, 404, 429, 200)
	f := r.newFunction(func(f *faas.Function) { f.OnSuccess.URL = to.url })
	x := r.ended(f, faas.ExecutionSuccess, same)
	for n := range 3 {
		if _, err := r.deliver(x.ID); err == nil {
			t.Errorf("try %d is well", n+1)
		}
	}
	if next, err := r.deliver(x.ID); err != nil || next != duework.Done() || len(to.got) != 4 {
		t.Errorf("at last: %+v, %v after %d requests", next, err, len(to.got))
	}
	if !slices.EqualFunc(to.got[1:], to.got[:3], slices.Equal) {
		t.Errorf("the tries differ: %q", to.got)
	}
	for what, url := range map[string]string{
		"410": newReceiver(t, http.StatusGone).url, "a redirect": newReceiver(t, http.StatusFound).url,
		"an address that is not to be reached": "http://169.254.169.254/latest",
	} {
		f := r.newFunction(func(f *faas.Function) { f.OnSuccess.URL = url })
		x := r.ended(f, faas.ExecutionSuccess, same)
		next, err := r.deliver(x.ID)
		if what == "a redirect" { // without a Location it is an answer like others
			if err == nil {
				t.Errorf("%s: %+v", what, next)
			}
			continue
		}
		if err != nil || next != duework.Done() {
			t.Errorf("%s: %+v, %v", what, next, err)
		}
	}
	// What is not delivered within the time is given up.
	r.must(r.store.AddDue(t.Context(), store.Delivery, "x", 0))
	i := r.take(store.Delivery, "x")
	i.Age = giveUpAfter + time.Second
	if _, err := r.follower.delivered(i, x, faas.Destination{URL: to.url}, duework.Done(), errors.New("no")); err != nil {
		t.Errorf("after %v it is tried again: %v", i.Age, err)
	}
}

// TestTurns leave room to others while all of a project's deliveries wait for their receivers.
func TestTurns(t *testing.T) {
	r := newRig(t)
	r.reachLoopback()
	hang := make(chan struct{})
	arrived := make(chan struct{}, deliveriesOfProject)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-hang }))
	defer s.Close()
	f := r.newFunction(func(f *faas.Function) { f.OnSuccess.URL = s.URL })
	var group sync.WaitGroup
	defer group.Wait()
	defer close(hang)
	for range deliveriesOfProject {
		i := r.take(store.Delivery, r.ended(f, faas.ExecutionSuccess, same).ID)
		group.Go(func() { _, _ = r.follower.Deliver(t.Context(), i) })
		<-arrived
	}
	x := r.ended(f, faas.ExecutionSuccess, same)
	if next, err := r.deliver(x.ID); err != nil || next != duework.Again(firstTurn) {
		t.Errorf("one more: %+v, %v", next, err)
	}
	leave, ok := r.follower.turns.TryEnter("another project")
	if !ok {
		t.Fatal("another project has no turn")
	}
	leave()
}
