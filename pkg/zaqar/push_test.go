package zaqar

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// confirmation is one as a real Zaqar sent it.
const confirmation = `{"WSGISubscribeURL": "http://evil.example/v2/queues/other/subscriptions/1/confirm",
	"Message_Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe to the queue: q1",
	"URL-Signature": "abc", "URL-Methods": "PUT", "URL-Paths": "/v2/queues/q1/subscriptions/s1/confirm",
	"X-Project-ID": "p", "URL-Expires": "2026-11-21T10:00:00", "SubscribeBody": {"confirmed": true},
	"UnsubscribeBody": {"confirmed": false}}`

func TestPush(t *testing.T) {
	n, c, err := ParsePush([]byte(`{"ttl": 300, "body": "text", "Message_Type": "Notification", "queue_name": "q1"}`))
	if err != nil || c != nil || n.Queue != "q1" || string(n.Body) != `"text"` || n.TTL != 300 {
		t.Errorf("got %+v, %+v, %v", n, c, err)
	}
	n, c, err = ParsePush([]byte(confirmation))
	if err != nil || n != nil || c.Queue != "q1" || c.ID != "s1" || c.ProjectID != "p" || c.Ended {
		t.Errorf("got %+v, %+v, %v", n, c, err)
	}
}

func TestPushThatIsNone(t *testing.T) {
	for _, body := range []string{
		``, `null`, `5`, `{}`, `{"Message_Type": "Other"}`, `{"Message_Type": "Notification", "queue_name": "q"}`,
		`{"Message_Type": "Notification", "body": 1}`, `{"Message_Type": "SubscriptionConfirmation"}`,
		`{"Message_Type": "SubscriptionConfirmation", "URL-Paths": "/v2/queues/q/subscriptions/s"}`,
		`{"Message_Type": "SubscriptionConfirmation", "URL-Paths": "/v2/queues//subscriptions/s/confirm"}`,
		`{"Message_Type": "SubscriptionConfirmation", "URL-Paths": "/v2/queues/q/subscriptions/s/confirm?x=y"}`,
		`{"Message_Type": "SubscriptionConfirmation", "URL-Paths": "/v2/queues/q/subscriptions/%2e%2e/confirm"}`,
		`{"Message_Type": "SubscriptionConfirmation", "URL-Paths": "http://evil/v2/queues/q/subscriptions/s/confirm"}`,
	} {
		if n, c, err := ParsePush([]byte(body)); err == nil {
			t.Errorf("%s is taken for %+v %+v", body, n, c)
		}
	}
}

// TestAnswerGoesToTheTrustedZaqar whatever the body says, with the signature's headers.
func TestAnswerGoesToTheTrustedZaqar(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	_, c, err := ParsePush([]byte(confirmation))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Answer(t.Context(), server.Client(), server.URL+"/messaging", "id"); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPut || got.URL.Path != "/messaging/v2/queues/q1/subscriptions/s1/confirm" ||
		got.Header.Get("URL-Signature") != "abc" || got.Header.Get("X-Project-ID") != "p" ||
		got.Header.Get("URL-Paths") != "/v2/queues/q1/subscriptions/s1/confirm" || got.Header.Get("Client-ID") != "id" {
		t.Errorf("sent %s %s %v", got.Method, got.URL, got.Header)
	}
}

func FuzzParsePush(f *testing.F) {
	f.Add([]byte(confirmation))
	f.Add([]byte(`{"ttl": 300, "body": {"a": 1}, "Message_Type": "Notification", "queue_name": "q1"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, c, err := ParsePush(body)
		if err == nil && (n == nil) == (c == nil) {
			t.Errorf("%q: %+v, %+v", body, n, c)
		}
	})
}
