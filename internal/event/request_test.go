package event

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	protocol "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/openstack-faas/faas/internal/faas"
)

var plain = Plain{
	Type: "org.openstack.faas.webhook", Source: "/v1/triggers/t", Time: time.Date(2026, 11, 29, 22, 5, 0, 0, time.UTC),
}

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// TestRequestsOfTheLibrary has the CloudEvents library write requests in both modes.
func TestRequestsOfTheLibrary(t *testing.T) {
	for name, mode := range map[string]func(context.Context) context.Context{
		"binary": binding.WithForceBinary, "structured": binding.WithForceStructured,
	} {
		r := written(mode(t.Context()), t)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromRequest(r.Header, body, plain)
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", name, got, err)
		}
		e, want := got[0], sample()
		for _, attribute := range append(slices.Clone(attributes), "projectid", "vcpus", "urgent") {
			if is, should := one(e, attribute), one(want, attribute); is != should {
				t.Errorf("%s: %s is %q, want %q", name, attribute, is, should)
			}
		}
		var compact bytes.Buffer // as the library writes it in structured mode
		if err := json.Compact(&compact, want.Data()); err != nil {
			t.Fatal(err)
		}
		if data := string(e.Data()); data != string(want.Data()) && (name == "binary" || data != compact.String()) {
			t.Errorf("%s: data is %s", name, data)
		}
	}
}

func one(e Event, name string) string {
	value, _ := attribute(e, name)
	return value
}

func written(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://192.0.2.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := sample()
	if err := protocol.WriteRequest(ctx, binding.ToMessage(&e), r); err != nil {
		t.Fatal(err)
	}
	return r
}

const least = `"specversion": "1.0", "id": "1", "source": "s", "type": "t"`

func TestEventsOfRequests(t *testing.T) {
	binary := []string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "s", "Ce-Type", "t"}
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		want   string // attributes and data
	}{
		{"binary", header(append(binary, "Content-Type", "text/plain", "Ce-Subject", "caf%C3%A9 %zz%2")...), "x",
			"1 s t café %zz%2 text/plain x"},
		{"quoted", header(append(binary, "Ce-Subject", `"a \"b\" \\"`)...), "[1]", `1 s t a "b" \  [1]`},
		{"no data", header(binary...), "", "1 s t   "},
		{"no attribute", header(append(binary, "Ce-Datacontenttype", "text/x")...), "1", "1 s t   1"},
		{"structured", header("Content-Type", "application/cloudevents+json; charset=utf-8"),
			`{` + least + `, "subject": "x", "data": {"a":  1}}`, `1 s t x  {"a":  1}`},
		{"upper case", header("Content-Type", "Application/CloudEvents+JSON"), `{` + least + `, "data": 1}`, "1 s t   1"},
		{"plain", header("Content-Type", "application/json", "Webhook-Id", "msg_1"), `{"a":  1}`,
			`msg_1 /v1/triggers/t org.openstack.faas.webhook  application/json {"a":  1}`},
		{"of GitHub", header("X-Github-Delivery", "d1"), `{"a":  1}`,
			`d1 /v1/triggers/t org.openstack.faas.webhook  application/json {"a":  1}`},
		{"plain text", header("Idempotency-Key", "k"), `hello`,
			`k /v1/triggers/t org.openstack.faas.webhook  text/plain hello`},
		{"plain bytes", header("Idempotency-Key", "k", "Content-Type", "no type"), "\xff",
			"k /v1/triggers/t org.openstack.faas.webhook  application/octet-stream \xff"},
		{"nothing", header("Idempotency-Key", "k", "Content-Type", "text/plain"), "",
			"k /v1/triggers/t org.openstack.faas.webhook   "},
	} {
		got, err := FromRequest(c.header, []byte(c.body), plain)
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %v, %v", c.name, got, err)
			continue
		}
		e := got[0]
		if is := strings.Join([]string{e.ID(), e.Source(), e.Type(), e.Subject(), e.DataContentType(),
			string(e.Data())}, " "); is != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, is, c.want)
		}
		if _, err := Input(e, nil); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestIDsOfPlainRequests(t *testing.T) {
	id := func(body string, at time.Time) string {
		got, err := FromRequest(nil, []byte(body), Plain{plain.Type, plain.Source, at})
		if err != nil || got[0].ID() == "" {
			t.Fatalf("%v, %v", got, err)
		}
		return got[0].ID()
	}
	first := id("a", plain.Time)
	if again := id("a", plain.Time); again != first {
		t.Errorf("the same request is %s and %s", first, again)
	}
	if id("b", plain.Time) == first || id("a", plain.Time.Add(1)) == first {
		t.Error("different requests have one id")
	}
}

func TestBatch(t *testing.T) {
	batch := header("Content-Type", "application/cloudevents-batch+json")
	item := func(i int) string {
		return fmt.Sprintf(`{"specversion": "1.0", "id": "%d", "source": "s", "type": "t", "data": {"i":  %d}}`, i, i)
	}
	many := func(n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	for _, n := range []int{0, 1, MaxBatch} {
		got, err := FromRequest(batch, []byte(many(n)), plain)
		if err != nil || len(got) != n {
			t.Fatalf("%d: %d events, %v", n, len(got), err)
		}
		for i, e := range got {
			if e.ID() != fmt.Sprint(i) || string(e.Data()) != fmt.Sprintf(`{"i":  %d}`, i) {
				t.Errorf("item %d is %s", i, e)
			}
		}
	}
	for body, says := range map[string]string{
		many(MaxBatch + 1): "more than the 100", `{}`: "no JSON list", `[`: "no JSON list",
		`[` + item(0) + `, {"id": "1"}]`: "item 1 of the batch: the event has no specversion",
	} {
		_, err := FromRequest(batch, []byte(body), plain)
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v; want %q", body, err, says)
		}
	}
}

func TestRequestsThatAreNoEvents(t *testing.T) {
	for _, c := range []struct {
		header http.Header
		body   string
		kind   faas.Kind
		says   string
	}{
		{header("Content-Type", "application/cloudevents+avro"), "", faas.UnsupportedMedia, "only application/cloudevents"},
		{header("Content-Type", "application/cloudevents"), "", faas.UnsupportedMedia, "only application/cloudevents+json"},
		{header("Content-Type", "application/cloudevents+json"), "", faas.Invalid, "no JSON object"},
		{header("Content-Type", "application/cloudevents+json"), "{}", faas.Invalid, "no specversion"},
		{header("Ce-Specversion", "0.3", "Ce-Id", "1", "Ce-Source", "s", "Ce-Type", "t"), "", faas.Invalid, `only "1.0"`},
		{header("Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Type", "t"), "", faas.Invalid, "source: REQUIRED"},
		{header("Ce-Specversion", "1.0", "Ce-Project-Id", "1"), "", faas.Invalid, `the header Ce-Project-Id: "project-id"`},
		{header("Ce-Specversion", "1.0", "Ce-Data", "1"), "", faas.Invalid, `dialect "data"`},
		{header("Ce-Specversion", "1.0", "Ce-Time", "noon"), "", faas.Invalid, "time"},
		{header("Ce-Specversion", "1.0", "Ce-Id", "%ff", "Ce-Source", "s", "Ce-Type", "t"), "", faas.Invalid, "not UTF-8"},
		{header("Ce-Specversion", "1.0", "Ce-Id", strings.Repeat("x", MaxAttributes), "Ce-Source", "s", "Ce-Type", "t"), "",
			faas.Invalid, "more than the 4096"},
		{header("Idempotency-Key", strings.Repeat("x", MaxAttributes)), "", faas.Invalid, "more than the 4096"},
	} {
		got, err := FromRequest(c.header, []byte(c.body), plain)
		if faas.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.200v: %v, %v; want %s with %q", c.header, got, err, c.kind, c.says)
		}
	}
}

// TestAttemptsAreNotTheSenders looks at what a sender may not say, and what it may.
func TestAttemptsAreNotTheSenders(t *testing.T) {
	got, err := FromRequest(header("Content-Type", "application/cloudevents+json"),
		[]byte(`{`+least+`, "faasattempt": 9, "faasdepth": 3}`), plain)
	if err != nil || Attempt(got[0]) != 1 || Depth(got[0]) != 3 {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("application/cloudevents+json", "", "", []byte(`{`+least+`, "data_base64": "AQI=", "x": 1}`))
	f.Add("application/cloudevents-batch+json", "", "", []byte(`[{`+least+`, "data": {"a": 1}}, {}]`))
	f.Add("text/plain", "1.0", `"a%20\"b"`, []byte("x"))
	f.Add("", "", "k", []byte("\xff"))
	f.Add("application/json", "", "", []byte("\n0 "))
	f.Fuzz(func(t *testing.T, contentType, version, value string, body []byte) {
		h := http.Header{
			"Content-Type": {contentType}, "Ce-Specversion": {version}, "Ce-Id": {value}, "Ce-Source": {"s"}, "Ce-Type": {"t"},
			"Ce-Subject": {value}, "Ce-X": {value}, "Idempotency-Key": {value},
		}
		events, err := FromRequest(h, body, plain)
		if err != nil {
			if kind := faas.KindOf(err); kind != faas.Invalid && kind != faas.UnsupportedMedia {
				t.Errorf("blames us: %v", err)
			}
			return
		}
		for _, e := range events {
			input, err := Input(e, nil)
			if err != nil || !json.Valid([]byte(input)) {
				t.Fatalf("the input is %s, %v", input, err)
			}
			back, ok, err := FromInput(input)
			if !ok || err != nil || back.ID() != e.ID() {
				t.Fatalf("%s comes back as %t, %v, %s", input, ok, err, back)
			}
			if again, err := Input(back, nil); err != nil || again != input {
				t.Errorf("%s is then %s, %v", input, again, err)
			}
		}
	})
}
