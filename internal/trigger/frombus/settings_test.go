package frombus

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestParseSettings(t *testing.T) {
	s, err := ParseSettings(json.RawMessage(`{"event_type": "compute.instance.*", "publisher": "nova-compute:*"}`))
	if err != nil || s != (Settings{"compute.instance.*", "nova-compute:*"}) {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := ParseSettings(json.RawMessage(`{"event_type": "identity.OS-TRUST:trust.created"}`)); err != nil {
		t.Error(err)
	}
	for raw, says := range map[string]string{
		``:                                      "event_type is missing",
		`[]`:                                    "must be a JSON object",
		`{}`:                                    "event_type is missing",
		`{"event_type": 7}`:                     "event_type must be a JSON string; it is a number",
		`{"event_type": "a", "topic": "x"}`:     `no member "topic"`,
		`{"event_type": "a"} {}`:                "must be a JSON object",
		`{"event_type": "a b"}`:                 "event_type may have letters",
		`{"event_type": "a", "publisher": "é"}`: "publisher may have letters",
		`{"event_type": "` + strings.Repeat("a", 256) + `"}`: "at most 255",
		`{"event_type": "` + strings.Repeat("*a", 9) + `"}`:  "more than 8 times *",
	} {
		_, err := ParseSettings(json.RawMessage(raw))
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, want: %s", raw, err, says)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, one := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "anything", true},
		{"a.b", "a.b", true},
		{"a.b", "a.b.c", false},
		{"a.b", "A.b", false},
		{"*", "", true},
		{"*", "a.b", true},
		{"a.*", "a.b.c", true},
		{"a.*", "a.", true},
		{"a.*", "a", false},
		{"*.end", "compute.instance.delete.end", true},
		{"*.end", "compute.instance.delete.end.", false},
		{"compute.*.delete.*", "compute.instance.delete.end", true},
		{"compute.*.delete.*", "compute.delete.end", false},
		{"a*b*c", "abbbcbc", true},
		{"a*b*c", "abbbcb", false},
		{"**a**", "xax", true},
		{"?", "x", false},
		{"[a]", "a", false},
	} {
		if got := matches(one.pattern, []byte(one.text)); got != one.want {
			t.Errorf("%q matches %q: %v", one.pattern, one.text, got)
		}
	}
}
