package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/openstack-faas/faas/internal/faas"
)

// received is what a function's server got: the request, and what CloudEvents' own library makes
// of it.
type received struct {
	event  *cloudevents.Event
	err    error
	header http.Header
	body   string
}

// eventReceiver is a function's server for a test.
func eventReceiver(t *testing.T) (*served, <-chan received) {
	t.Helper()
	got := make(chan received, 1)
	function := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		e, err := cehttp.NewEventFromHTTPRequest(r)
		got <- received{e, err, r.Header, string(body)}
	}))
	t.Cleanup(function.Close)
	return startServed(t, portOf(t, function.Listener.Addr().String()), faas.ProcessLimits{Result: 1000}), got
}

// eventInput is an input of an event with these members beside the required ones.
func eventInput(members, beside string) string {
	return `{"__event":{"specversion":"1.0","id":"7","source":"/clouds/one","type":"org.openstack.test"` + members + `}` + beside + `}`
}

func TestServerIsSentEvents(t *testing.T) {
	s, got := eventReceiver(t)
	for _, test := range []struct {
		name            string
		members, beside string
		contentType     string
		body            string
		headers         map[string]string
	}{
		{
			name: "an object", members: `,"data":{"a":[1,2]},"faasdepth":2,"time":"2026-01-02T03:04:05Z","gone":null,"flag":true`,
			contentType: "application/json", body: `{"a":[1,2]}`,
			headers: map[string]string{"ce-faasdepth": "2", "ce-time": "2026-01-02T03:04:05Z", "ce-flag": "true", "ce-gone": ""},
		},
		{name: "no data", headers: map[string]string{"ce-id": "7", "ce-type": "org.openstack.test"}},
		{
			name: "a text of JSON", members: `,"data":"w","datacontenttype":"application/json"`,
			contentType: "application/json", body: `"w"`,
		},
		{
			name: "a text of JSON by its suffix", members: `,"data":"w","datacontenttype":"text/x+json; charset=utf-8"`,
			contentType: "text/x+json; charset=utf-8", body: `"w"`,
		},
		{name: "text", members: `,"data":"wört\n","datacontenttype":"text/plain"`, contentType: "text/plain", body: "wört\n"},
		{
			name: "bytes", members: `,"data_base64":"AP8=","datacontenttype":"image/png"`,
			contentType: "image/png", body: "\x00\xff",
		},
		{
			name: "what headers cannot have", members: `,"subject":"Euro € 😀 \"50%\"\r\nce-id: 8","data":1`,
			contentType: "application/json", body: `1`,
			headers: map[string]string{
				"ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80%20%2250%25%22%0D%0Ace-id:%208", "ce-id": "7",
			},
		},
		{
			name: "a template's members", members: `,"data":{"a":1},"datacontenttype":"text/plain","dataschema":"http://x/"`,
			beside: `,"name":"Ada","n":[1]`, contentType: "application/json", body: `{"n":[1],"name":"Ada"}`,
			headers: map[string]string{"ce-dataschema": "", "ce-source": "/clouds/one"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, refused := s.call(servedKey, eventInput(test.members, test.beside), hangTimeout)
			if refused != "" || out.Status != faas.ExecutionSuccess {
				t.Fatalf("%s %s %s", refused, out.Status, out.Output)
			}
			r := <-got
			if r.err != nil || r.event.ID() != "7" || r.event.Validate() != nil {
				t.Errorf("no event: %v %v", r.event, r.err)
			}
			if r.body != test.body || r.header.Get("Content-Type") != test.contentType || r.header.Get(ExecutionHeader) != "x" {
				t.Errorf("got %q, %v", r.body, r.header)
			}
			for name, want := range test.headers {
				if r.header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, r.header.Get(name), want)
				}
			}
		})
	}
}

// TestServerIsSentWhatTheSDKMakes has CloudEvents' library write an event and read what came of it.
func TestServerIsSentWhatTheSDKMakes(t *testing.T) {
	s, got := eventReceiver(t)
	e := cloudevents.New()
	e.SetID("a b")
	e.SetSource("https://swift.example.org/v1/AUTH_x/c?y=z")
	e.SetType("org.openstack.swift.object.created")
	e.SetSubject("a.png")
	e.SetExtension(faas.EventAttempt, 1)
	for contentType, data := range map[string]any{
		"application/json": map[string]any{"name": "ü"}, "application/octet-stream": []byte{1, 2, 0xff}, "text/plain": []byte("t"),
	} {
		if err := e.SetData(contentType, data); err != nil {
			t.Fatal(err)
		}
		structured, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := s.call(servedKey, fmt.Sprintf(`{"__event":%s}`, structured), hangTimeout)
		if out.Status != faas.ExecutionSuccess {
			t.Fatalf("%s", out.Output)
		}
		r := <-got
		if r.err != nil || r.event.Source() != e.Source() || r.event.Type() != e.Type() || r.event.Subject() != e.Subject() ||
			r.event.DataContentType() != contentType || string(r.event.Data()) != string(e.Data()) ||
			fmt.Sprint(r.event.Extensions()) != "map[faasattempt:1]" {
			t.Errorf("sent %s, got %s (%v)", e, r.event, r.err)
		}
	}
}

func TestServerIsNotSentWhatIsNoEvent(t *testing.T) {
	s, got := eventReceiver(t)
	for input, want := range map[string]string{
		`{"__event":"x"}`:  `must be a JSON object`,
		`{"__event":null}`: `must be a JSON object`,
		`{"__event":{"id":"7","type":"x","source":""}}`:    `it lacks specversion, source`,
		eventInput(`,"Subject":"x"`, ""):                   `"Subject" is no name of an attribute`,
		eventInput(`,"sub-ject":"x"`, ""):                  `"sub-ject" is no name of an attribute`,
		eventInput(`,"subject":{}`, ""):                    `"subject" must be a string, a number or a boolean`,
		eventInput(`,"datacontenttype":5`, ""):             `datacontenttype must be a string`,
		eventInput(`,"data_base64":"_"`, ""):               `data_base64 is not base64`,
		eventInput(`,"datacontenttype":"a/b\r\nx: y"`, ""): `datacontenttype is no type of content`,
	} {
		out, _ := s.call(servedKey, input, hangTimeout)
		var message string
		if err := json.Unmarshal(out.Output, &message); err != nil || out.Status != faas.ExecutionFailed ||
			!strings.HasPrefix(message, "The input's '__event' is not a CloudEvent: ") || !strings.Contains(message, want) {
			t.Errorf("%s: %s %s, want %s", input, out.Status, out.Output, want)
		}
	}
	if len(got) > 0 {
		t.Error("a request was sent")
	}
}
