package faas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	first := NewID()
	for range 10_000 {
		id := NewID()
		if !IsID(id) || id[14] != '7' || !strings.ContainsRune("89ab", rune(id[19])) || strings.ToLower(id) != id ||
			seen[id] {
			t.Fatalf("%q is not a new UUID of version 7", id)
		}
		seen[id] = true
	}
	late := time.Now().Add(time.Second)
	for later := NewID(); later[:13] <= first[:13]; later = NewID() { // once the clock has moved on
		if time.Now().After(late) {
			t.Fatalf("%s does not come after %s", later, first)
		}
	}
}

func TestIsID(t *testing.T) {
	for id, want := range map[string]bool{
		"01890a5d-ac96-774b-bcce-b302099a8057": true, "01890A5D-AC96-774B-BCCE-B302099A8057": true,
		"": false, "01890a5dac96774bbcceb302099a8057": false, "01890a5d-ac96-774b-bcce-b302099a805": false,
		"01890a5d-ac96-774b-bcce-b302099a80577": false, "g1890a5d-ac96-774b-bcce-b302099a8057": false,
		"01890a5d_ac96-774b-bcce-b302099a8057": false, "../../../../../../../../etc/passwd/x": false,
	} {
		if IsID(id) != want {
			t.Errorf("IsID(%q) is %v", id, !want)
		}
	}
}

func TestErrors(t *testing.T) {
	e := Errorf(Busy, "no room for %d", 3)
	wrapped := fmt.Errorf("outside: %w", e.WithCause(io.EOF))
	if KindOf(wrapped) != Busy || !errors.Is(wrapped, io.EOF) || e.Cause != nil {
		t.Errorf("got %v with kind %q", wrapped, KindOf(wrapped))
	}
	if KindOf(io.EOF) != Internal || KindOf(nil) != "" {
		t.Error("other errors are internal, none has no kind")
	}
	if got := wrapped.Error(); got != "outside: no room for 3: EOF" {
		t.Errorf("got %q", got)
	}
}

func TestScope(t *testing.T) {
	own := ProjectScope(Identity{ProjectID: "a"})
	if !own.Sees("a") || own.Sees("b") || own.Sees("") || (Scope{}).Sees("") || (Scope{}).Sees("a") ||
		!AnyProject().Sees("b") {
		t.Error("a scope sees its own project, the zero scope nothing, AnyProject all")
	}
	if ProjectScope(Identity{}).Sees("") {
		t.Error("an identity without a project sees nothing")
	}
}

func TestResultText(t *testing.T) {
	for output, want := range map[string]string{
		`"\u003chtml\u003e \u00fc \ud83d\ude00"`: `{"duration":1.5,"output":"<html> ü 😀"}`,
		`"<ü>&"`:                                 `{"duration":1.5,"output":"<ü>&"}`,
		// what must stay escaped: quotes, controls, halves of pairs, and what is no escape at all
		`"\u0022\u005c\n\u0000\u007f\u2028\ud800\u003c \ude00\ud800\u00fc"`: `{"duration":1.5,"output":` +
			`"\u0022\u005c\n\u0000\u007f\u2028\ud800< \ude00\ud800ü"}`,
		`"\\u003c \\\u003c"`: `{"duration":1.5,"output":"\\u003c \\<"}`,
		`{"a":1}`:            `{"duration":1.5,"output":{"a":1}}`, `"text"`: `{"duration":1.5,"output":"text"}`, "": `{"duration":1.5,"output":null}`,
	} {
		var raw json.RawMessage
		if output != "" {
			raw = json.RawMessage(output)
		}
		if got := ResultText(1500*time.Millisecond, raw); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := ResultText(time.Second, json.RawMessage("{broken")); !json.Valid([]byte(got)) {
		t.Errorf("got %s, which is no JSON", got)
	}
	failed := Outcome{Output: TextOutput("KeyError: 'x'"), Error: &Failure{Type: "KeyError", Message: "'x'"}}
	if got := failed.Result(); got != `{"duration":0,"output":"KeyError: 'x'","error":{"type":"KeyError","message":"'x'"}}` {
		t.Errorf("got %s", got)
	}
	if got := string(TextOutput("a \"quoted\"\nmessage")); got != `"a \"quoted\"\nmessage"` {
		t.Errorf("got %s", got)
	}
}

func TestTarget(t *testing.T) {
	f := Function{ID: "f", ProjectID: "p", RuntimeID: "r", Revision: 4, Entry: "a.b", CPU: 200, MemorySize: 5,
		Code: Code{SHA256: "s"}}
	want := Target{Key: Key{FunctionID: "f", Revision: 4}, ProjectID: "p", RuntimeID: "r", SHA256: "s",
		Entry: "a.b", CPU: 200, MemorySize: 5}
	if got := f.Target(); got != want || got.Key.String() != "f/0/4" {
		t.Errorf("got %+v", got)
	}
	if !(Worker{}).Generic() || (Worker{Key: want.Key}).Generic() {
		t.Error("a worker without a key is generic")
	}
	ended := []ExecutionStatus{ExecutionSuccess, ExecutionFailed, ExecutionError}
	for _, s := range []ExecutionStatus{ExecutionQueued, ExecutionRunning, ExecutionSuccess, ExecutionFailed,
		ExecutionError} {
		if s.Ended() != slices.Contains(ended, s) {
			t.Errorf("%s.Ended() is %v", s, s.Ended())
		}
	}
}

func TestKnownKinds(t *testing.T) {
	for kind, want := range map[Kind]bool{Busy: true, Outdated: true, "": false, "busier": false} {
		if kind.Known() != want {
			t.Errorf("%q", kind)
		}
	}
}
