package event

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/binding/format"
	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestInput(t *testing.T) {
	const data = `{"big": 12345678901234567890.10, "html": "<a&b>", "esc": "\u00e9\/", "n": 1e3 , "dup": 1, "dup": 2}`
	e := WithAttempt(WithDepth(sample(), 3), 2)
	e.DataEncoded = []byte(data)
	got, err := Input(e, json.RawMessage(`{"b": [1, 2.50], "a": "x"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"__event":{"specversion":"1.0","id":"42","source":"/compute/host-1",` +
		`"type":"org.openstack.compute.instance.create.end","subject":"server/0815","time":"2026-11-29T22:05:00.000123Z",` +
		`"datacontenttype":"application/json","faasattempt":2,"faasdepth":3,"projectid":"p1","urgent":true,"vcpus":4,` +
		`"data":` + data + `},"a":"x","b":[1, 2.50]}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	back, ok, err := FromInput(got)
	if err != nil || !ok || string(back.Data()) != data || Depth(back) != 3 || Attempt(back) != 2 ||
		back.Context.String() != e.Context.String() {
		t.Errorf("back: %t, %v\n%s", ok, err, back)
	}
	again, err := ReplaceIn(got, WithAttempt(back, 3))
	if err != nil || again != strings.Replace(want, `"faasattempt":2`, `"faasattempt":3`, 1) {
		t.Errorf("replaced: %v\n%s", err, again)
	}
}

// TestInputOfAnyData looks at how data is written, and that it comes back.
func TestInputOfAnyData(t *testing.T) {
	for _, c := range []struct{ media, data, want string }{
		{"application/json", `{"a":  1}`, `"data":{"a":  1}`},
		{"", `[1, "x"]`, `"data":[1, "x"]`},
		{"", `no json`, `"data_base64":"bm8ganNvbg=="`},
		{"application/json", `{"a": 1`, `"data_base64":"eyJhIjogMQ=="`},
		{"application/json", "\"\xff\"", `"data_base64":"Iv8i"`},
		{"application/json", `1} , "x": {`, `"data_base64"`},
		{"application/problem+json; charset=utf-8", `{"a":1}`, `"data":{"a":1}`},
		{"text/json", `{"a":1}`, `"data":{"a":1}`},
		{"text/plain", `<a> "b"` + "\n", `"data":"<a> \"b\"\n"`},
		{"text/plain; charset=utf-8", `ä`, `"data":"ä"`},
		{"text/plain; charset=iso-8859-1", "\xe4", `"data_base64":"5A=="`},
		{"text/plain", "\xe4", `"data_base64":"5A=="`},
		{"application/soap+xml", "<a/>", `"data":"<a/>"`},
		{"application/x-www-form-urlencoded", "a=1&b=%20", `"data":"a=1&b=%20"`},
		{"image/png", "\x89PNG", `"data_base64":"iVBORw=="`},
		{"image/png", "", `"datacontenttype":"image/png"`},
	} {
		e := sample()
		e.SetDataContentType(c.media)
		e.DataEncoded = []byte(c.data)
		got, err := Input(e, nil)
		if err != nil || !strings.Contains(got, c.want) || !json.Valid([]byte(got)) {
			t.Errorf("%s %q: %v, %s; want %s", c.media, c.data, err, got, c.want)
		}
		if back, ok, err := FromInput(got); !ok || err != nil || string(back.Data()) != c.data {
			t.Errorf("%s %q comes back as %q, %t, %v", c.media, c.data, back.Data(), ok, err)
		}
	}
}

func TestInputThatIsNone(t *testing.T) {
	for _, members := range []string{`[]`, `"x"`, `{`, `{"__event": 1}`, `{"__function_input": 1}`} {
		if got, err := Input(sample(), json.RawMessage(members)); faas.KindOf(err) != faas.Invalid {
			t.Errorf("%s: %s, %v", members, got, err)
		}
	}
	noID := New()
	noID.SetType("t")
	old := cloudevents.New("0.3")
	old.SetID("1")
	old.SetType("t")
	old.SetSource("s")
	latin := sample()
	latin.SetSubject("\xe4")
	long := sample()
	long.SetExtension("x", strings.Repeat("x", MaxAttributes))
	media := sample()
	media.SetDataContentType("no media type")
	for name, e := range map[string]Event{
		"no id": noID, "0.3": old, "none": {}, "not UTF-8": latin, "long": long, "media": media,
	} {
		if got, err := Input(e, nil); faas.KindOf(err) != faas.Invalid {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestFromInput(t *testing.T) {
	for _, input := range []string{``, `x`, `[]`, `null`, `{}`, `{"a": 1}`, `{"__function_input": {"__event": 1}}`} {
		if e, ok, err := FromInput(input); ok || err != nil {
			t.Errorf("%s: %t, %v, %s", input, ok, err, e)
		}
		if _, err := ReplaceIn(input, sample()); err == nil {
			t.Errorf("%s: its event is replaced", input)
		}
	}
	const rest = `"id": "1", "source": "s", "type": "t"`
	for event, says := range map[string]string{
		`null`: "no JSON object", `1`: "no JSON object", `{}`: "no specversion", `{` + rest + `}`: "no specversion",
		`{"specversion": "0.3", ` + rest + `}`:                                                    "only \"1.0\"",
		`{"specversion": "1.0", "id": "1", "type": "t"}`:                                          "source: REQUIRED",
		`{"specversion": "1.0", "id": "", "source": "s"}`:                                         "id is required",
		`{"specversion": "1.0", "id": 1, "source": "s"}`:                                          "id is 1",
		`{"specversion": "1.0", ` + rest + `, "x": {}}`:                                           "x is {}",
		`{"specversion": "1.0", ` + rest + `, "x": 1.5}`:                                          "x is 1.5",
		`{"specversion": "1.0", ` + rest + `, "x": 2147483648}`:                                   "x is 2147483648",
		`{"specversion": "1.0", ` + rest + `, "X": 1}`:                                            `"X" is no name`,
		`{"specversion": "1.0", ` + rest + `, "": 1}`:                                             `"" is no name`,
		`{"specversion": "1.0", ` + rest + `, "time": "noon"}`:                                    "time: ",
		`{"specversion": "1.0", ` + rest + `, "subject": true}`:                                   "subject is true",
		`{"specversion": "1.0", ` + rest + `, "dataschema": "x"}`:                                 "dataschema",
		`{"specversion": "1.0", ` + rest + `, "datacontenttype": 1}`:                              "datacontenttype is 1",
		`{"data_base64": 1, "specversion": "1.0", ` + rest + `}`:                                  "no text in base64",
		`{"data_base64": "?", "specversion": "1.0", ` + rest + `}`:                                "no text in base64",
		`{"data": 1, "data_base64": "MQ==", "specversion": "1.0", ` + rest + `}`:                  "both",
		`{"data": {}, "datacontenttype": "text/plain", "specversion": "1.0", ` + rest + `}`:       "data is no text",
		`{"specversion": "1.0", "id": "1", "source": ":", "type": "t"}`:                           "source: ",
		`{"specversion": "1.0", ` + rest + `, "x": "` + strings.Repeat("x", MaxAttributes) + `"}`: "more than the 4096",
	} {
		e, ok, err := FromInput(`{"__event": ` + event + `}`)
		if ok || faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%.200s: %t, %v, want %q; %s", event, ok, err, says, e)
		}
	}
	e, ok, err := FromInput(`{"__event": {"specversion": "1.0", ` + rest +
		`, "subject": null, "data_base64": "AQI=", "x": -5}}`)
	if !ok || err != nil || string(e.Data()) != "\x01\x02" || e.Extensions()["x"] != int32(-5) || e.Subject() != "" {
		t.Errorf("%t, %v, %s", ok, err, e)
	}
}

// TestLibraryReadsWhatIsWritten has the CloudEvents library read this package's JSON.
func TestLibraryReadsWhatIsWritten(t *testing.T) {
	for _, media := range []string{"application/json", "text/plain", "image/png"} {
		e := sample()
		e.SetDataContentType(media)
		text, err := Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var read Event
		if err := format.JSON.Unmarshal(text, &read); err != nil || read.Context.String() != e.Context.String() ||
			string(read.Data()) != string(e.Data()) {
			t.Errorf("%v: read\n%s\nof\n%s", err, read, text)
		}
	}
}

func TestDepthAndAttempt(t *testing.T) {
	e := sample()
	if Depth(e) != 0 || Attempt(e) != 1 || Depth(Event{}) != 0 {
		t.Errorf("depth %d, attempt %d", Depth(e), Attempt(e))
	}
	deep := WithDepth(e, 5)
	if Depth(deep) != 5 || Depth(e) != 0 {
		t.Errorf("depth %d, and %d of what it was made of", Depth(deep), Depth(e))
	}
	for value, want := range map[any]int{"7": 7, "-7": 0, "x": 0, "NaN": 0, -7: 0, true: 0, "1e99": 0} {
		e.SetExtension(faas.EventDepth, value)
		if got := Depth(e); got != want {
			t.Errorf("depth %v is %d", value, got)
		}
	}
}
