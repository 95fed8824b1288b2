package dispatch

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestEncodeCall holds what is encoded by hand against encoding/json.
func TestEncodeCall(t *testing.T) {
	for _, call := range []faas.Call{
		{},
		{ExecutionID: "01a2", Key: faas.Key{FunctionID: "f", Version: 3, Revision: -7}, Timeout: 30 * time.Second},
		{
			ExecutionID: "quote\" \\ é \x01 <", Input: json.RawMessage(`{"n": 1}`), Context: json.RawMessage(`{"os":{}}`),
			Trace: "00-a-b-01",
		},
	} {
		want, err := json.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(want, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encodeCall(call), &b); err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s: %v, want %s", encodeCall(call), err, want)
		}
	}
}

// TestDecodeOutcome holds what is decoded by hand against encoding/json.
func TestDecodeOutcome(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for _, answer := range []string{
		`{"status":"success","output":{"n":[1,"}"]},"duration":1500,"log":""}`, `{}`,
		`{"status":"success","output":1,"duration":3,"ready":2,"log":""}`,
		`{"status":"failed","output":"it said \"no\"","error":{"type":"KeyError","message":"'x'"},"duration":1,` +
			`"log":"a\nb\u00e9"}`,
		`{"status":"success","output":null,"duration":-1,"log":"<"}`, `{"status":"success","output":` + deep + `,"log":""}`,
		`{"status":"success","duration":1.5}`, `{"status":"success","log":7}`, `{"Status":"success"}`, `{"status":`, `[]`, ``,
	} {
		var got, want faas.Outcome
		err, wanted := decodeOutcome([]byte(answer), &got), json.Unmarshal([]byte(answer), &want)
		if (err == nil) != (wanted == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, encoding/json has %+v %v", answer, got, err, want, wanted)
		}
	}
}

func TestStatusOf(t *testing.T) {
	for line, want := range map[string]int{
		"HTTP/1.1 200 OK": 200, "HTTP/1.1 409 Conflict": 409, "HTTP/1.1 200 ": 200, "HTTP/1.1 100 Continue": 0,
		"HTTP/1.1 204 No Content": 0, "HTTP/1.0 200 OK": 0, "HTTP/1.1 2000 OK": 0, "HTTP/1.1 200": 0, "HTTP/1.1 abc OK": 0,
		"": 0,
	} {
		if got := statusOf([]byte(line)); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}
