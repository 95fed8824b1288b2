package zaqar_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/messaging/v2/queues"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// client returns the real Zaqar as a user, or skips the test where there is none.
func client(t *testing.T, s testkit.Session) *gophercloud.ServiceClient {
	t.Helper()
	endpoint := s.Endpoints[zaqar.ServiceType]
	if endpoint == "" {
		t.Skip("there is no Zaqar: make cloud-up CLOUD=all")
	}
	return zaqar.NewMessagingV2At(&gophercloud.ProviderClient{TokenID: s.Token}, endpoint, uuid.NewString())
}

func queue(t *testing.T, c *gophercloud.ServiceClient) string {
	name := "test-" + rand.Text()
	t.Cleanup(func() {
		if err := queues.Delete(context.Background(), c, name).ExtractErr(); err != nil {
			t.Error(err)
		}
	})
	return name
}

// subscriber takes what Zaqar sends, at an address that Zaqar reaches: it is on a machine of its
// own.
func subscriber(t *testing.T) (url string, bodies chan []byte) {
	t.Helper()
	world := os.Getenv("FAAS_WORLD")
	if world == "" {
		t.Skip("FAAS_WORLD is not set: make cloud-up CLOUD=all, and read .cloud/env")
	}
	conn, err := net.Dial("udp", net.JoinHostPort(world, "9")) // sends nothing: it tells this side's address
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
	_ = conn.Close()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	bodies = make(chan []byte, 16)
	server := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies <- body
		}),
		ReadHeaderTimeout: time.Minute,
	}}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, bodies
}

// next returns what Zaqar sends next.
func next(t *testing.T, bodies chan []byte) (*zaqar.Notification, *zaqar.Confirmation) {
	t.Helper()
	select {
	case body := <-bodies:
		n, c, err := zaqar.ParsePush(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		return n, c
	case <-time.After(5 * time.Minute): // that it hangs
		t.Fatal("Zaqar sends nothing")
		return nil, nil
	}
}

// TestRealSubscription is confirmed by the subscriber itself, by the signature that it was sent,
// and gets messages from then on, and none any more when it was deleted.
func TestRealSubscription(t *testing.T) {
	ctx, cloud := t.Context(), testkit.Keystone(t)
	demo := cloud.Login(t, "demo")
	c := client(t, demo)
	q := queue(t, c)
	url, bodies := subscriber(t)
	id, err := zaqar.Subscribe(ctx, c, q, zaqar.SubscribeOpts{Subscriber: url + "/events", TTL: time.Hour}).Extract()
	if err != nil || id == "" {
		t.Fatalf("got %q, %v", id, err)
	}
	_, asked := next(t, bodies)
	if asked == nil || asked.Queue != q || asked.ID != id || asked.ProjectID != demo.ProjectID || asked.Ended {
		t.Fatalf("asked %+v", asked)
	}
	s, err := zaqar.GetSubscription(ctx, c, q, id).Extract()
	if err != nil || s.Confirmed || s.Subscriber != url+"/events" || s.Queue != q || s.TTL != 3600 {
		t.Errorf("got %+v, %v", s, err)
	}
	if err := asked.Answer(ctx, http.DefaultClient, demo.Endpoints[zaqar.ServiceType], uuid.NewString()); err != nil {
		t.Fatal(err)
	}
	page, _, err := zaqar.ListSubscriptions(ctx, c, q, "", 10).Extract()
	if err != nil || len(page) != 1 || page[0].ID != id || !page[0].Confirmed {
		t.Errorf("listed %+v, %v", page, err)
	}
	if _, err := zaqar.Send(ctx, c, q, zaqar.Posts{{Body: "just text", TTL: time.Minute}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := next(t, bodies); got == nil || got.Queue != q || string(got.Body) != `"just text"` || got.TTL != 60 {
		t.Errorf("got %+v", got)
	}
	longer := zaqar.UpdateSubscriptionOpts{TTL: 2 * time.Hour, Options: map[string]any{}}
	if err := zaqar.UpdateSubscription(ctx, c, q, id, longer).ExtractErr(); err != nil {
		t.Error(err)
	}
	if s, err = zaqar.GetSubscription(ctx, c, q, id).Extract(); err != nil || s.TTL != 7200 || !s.Confirmed {
		t.Errorf("after it was renewed: %+v, %v", s, err)
	}
	if err := zaqar.Unsubscribe(ctx, c, q, id).ExtractErr(); err != nil {
		t.Error(err)
	}
	if err := zaqar.GetSubscription(ctx, c, q, id).Err; !zaqar.IsGone(err) {
		t.Errorf("after it was deleted: %v", err)
	}
}

// TestRealConfirmation is by a token of the queue's project; another project's does nothing to it.
func TestRealConfirmation(t *testing.T) {
	ctx, cloud := t.Context(), testkit.Keystone(t)
	c, alt := client(t, cloud.Login(t, "demo")), client(t, cloud.Login(t, "alt"))
	q := queue(t, c)
	url, bodies := subscriber(t)
	id, err := zaqar.Subscribe(ctx, c, q, zaqar.SubscribeOpts{Subscriber: url}).Extract()
	if err != nil {
		t.Fatal(err)
	}
	next(t, bodies)
	if err := zaqar.Confirm(ctx, alt, q, id, true).ExtractErr(); err == nil {
		t.Error("another project confirms it")
	}
	if s, err := zaqar.GetSubscription(ctx, c, q, id).Extract(); err != nil || s.Confirmed {
		t.Errorf("after another project's attempt: %+v, %v", s, err)
	}
	if err := zaqar.Confirm(ctx, c, q, id, true).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	again := zaqar.Subscribe(ctx, c, q, zaqar.SubscribeOpts{Subscriber: url}).Err
	if !gophercloud.ResponseCodeIs(again, http.StatusConflict) {
		t.Errorf("subscribed again: %v", again)
	}
	if err := zaqar.Confirm(ctx, c, q, id, false).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	if _, ended := next(t, bodies); ended == nil || !ended.Ended || ended.ID != id {
		t.Errorf("told %+v", ended)
	}
}

// TestRealClaims takes each message once, whatever JSON it is, and again what was not deleted in
// time.
func TestRealClaims(t *testing.T) {
	ctx, c := t.Context(), client(t, testkit.Keystone(t).Login(t, "demo"))
	q := queue(t, c)
	want := []string{`{"n":1}`, `"text"`, `[1,2]`, `5`}
	var posts zaqar.Posts
	for _, text := range want {
		posts = append(posts, zaqar.Post{Body: json.RawMessage(text), TTL: time.Hour})
	}
	sent, err := zaqar.Send(ctx, c, q, posts)
	if err != nil || len(sent) != len(posts) {
		t.Fatalf("sent %v, %v", sent, err)
	}
	claimed := map[string]zaqar.Message{}
	for {
		got, err := zaqar.Claim(ctx, c, q, zaqar.ClaimOpts{TTL: 5 * time.Minute, Grace: time.Minute, Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		for _, m := range got {
			if _, twice := claimed[m.ID]; twice || m.ClaimID == "" || m.TTL < time.Hour {
				t.Errorf("claimed %+v", m)
			}
			claimed[m.ID] = m
		}
	}
	var bodies []string
	for _, m := range claimed {
		bodies = append(bodies, strings.ReplaceAll(string(m.Body), " ", ""))
		if err := zaqar.Delete(ctx, c, q, m); err != nil {
			t.Error(err)
		}
	}
	if len(bodies) != len(want) {
		t.Errorf("claimed %v, want %v", bodies, want)
	}
	for _, text := range want {
		if !strings.Contains(strings.Join(bodies, "\n"), text) {
			t.Errorf("claimed %v, without %s", bodies, text)
		}
	}
}

// TestRealClaim is given back, whole or what was not deleted of it.
func TestRealClaim(t *testing.T) {
	ctx, c := t.Context(), client(t, testkit.Keystone(t).Login(t, "demo"))
	q := queue(t, c)
	there := func(want bool) {
		t.Helper()
		if got, err := zaqar.Any(ctx, c, q); err != nil || got != want {
			t.Errorf("whether there is a message: %v, %v", got, err)
		}
	}
	claim := func(want int) []zaqar.Message {
		t.Helper()
		got, err := zaqar.Claim(ctx, c, q, zaqar.ClaimOpts{TTL: time.Minute, Grace: time.Minute, Limit: 20})
		if err != nil || len(got) != want {
			t.Fatalf("claimed %+v, %v", got, err)
		}
		return got
	}
	there(false) // nor a queue
	if _, err := zaqar.Send(ctx, c, q, zaqar.Posts{{Body: 1}, {Body: 2}, {Body: 3}}); err != nil {
		t.Fatal(err)
	}
	there(true)
	first := claim(3)
	there(false)
	if err := zaqar.ReleaseClaim(ctx, c, q, first[0].ClaimID); err != nil {
		t.Fatal(err)
	}
	there(true)
	second := claim(3)
	for range 2 { // the second time they are gone
		if err := zaqar.DeleteClaimed(ctx, c, q, second[:2]); err != nil {
			t.Fatal(err)
		}
	}
	if err := zaqar.ReleaseClaim(ctx, c, q, second[0].ClaimID); err != nil {
		t.Fatal(err)
	}
	if left := claim(1); left[0].ID != second[2].ID {
		t.Errorf("left %+v, want %+v", left[0], second[2])
	}
	if err := zaqar.ReleaseClaim(ctx, c, q, uuid.NewString()); err != nil {
		t.Errorf("a claim that is not there: %v", err)
	}
}
