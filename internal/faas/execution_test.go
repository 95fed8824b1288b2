package faas

import (
	"encoding/json"
	"testing"
	"time"
)

// TestResultIsAsEncoded holds what is written by hand against encoding/json.
func TestResultIsAsEncoded(t *testing.T) {
	for _, duration := range []time.Duration{0, 1, 999, 1000, 1500 * time.Microsecond, 3 * time.Second, 300 * time.Hour} {
		for _, output := range []string{`null`, `{"n": [1, "a < b"]}`, `"\u2028"`, `1e400`, ` true `} {
			o := Outcome{Duration: duration, Output: json.RawMessage(output)}
			want, err := PlainJSON(result{Duration: float64(duration.Microseconds()) / 1e6, Output: plainJSON(o.Output)})
			if err != nil {
				t.Fatal(err)
			}
			if got := o.Result(); got != string(want) {
				t.Errorf("%s, want %s", got, want)
			}
		}
	}
	if got := (Outcome{Output: json.RawMessage(`{`)}).Result(); got != `{"duration":0,"output":null}` {
		t.Errorf("of no JSON: %s", got)
	}
}
