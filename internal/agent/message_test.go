package agent

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestAppendCall(t *testing.T) {
	c := faas.Call{ExecutionID: "e\n\"", Input: json.RawMessage("{\n\"a\":\n\"x\\n\"}"), Context: json.RawMessage("{}")}
	got := appendCall(nil, c)
	if bytes.IndexByte(got, '\n') != len(got)-1 {
		t.Errorf("not one line: %q", got)
	}
	var m struct {
		Type, ID string
		Input    map[string]string
		Context  *struct{}
	}
	if err := json.Unmarshal(got, &m); err != nil {
		t.Fatal(err)
	}
	if m.Type != "call" || m.ID != c.ExecutionID || m.Input["a"] != "x\n" || m.Context == nil {
		t.Errorf("got %+v", m)
	}
	if got := appendCall(nil, faas.Call{ExecutionID: "e"}); string(got) != `{"type":"call","id":"e"}`+"\n" {
		t.Errorf("without input: %q", got)
	}
}

func TestAppendOutcome(t *testing.T) {
	want := faas.Outcome{
		Status:   faas.ExecutionSuccess,
		Output:   json.RawMessage(`{"a":[1]}`),
		Duration: 1500 * time.Microsecond,
		Log:      "ü\n\"\xff",
	}
	var got faas.Outcome
	if err := json.Unmarshal(appendOutcome(nil, want), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != want.Status || string(got.Output) != string(want.Output) || got.Duration != want.Duration ||
		got.Log != "ü\n\"\ufffd" {
		t.Errorf("got %+v", got)
	}
}
