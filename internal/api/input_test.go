package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestInput(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{`null`, ``},
		{`""`, ``},
		{`"{\"name\": \"Ada\"}"`, `{"name":"Ada"}`},
		{`{"name": "Ada"}`, `{"name":"Ada"}`},
		{`"Qinling"`, `{"__function_input":"Qinling"}`},
		{`"two words"`, `{"__function_input":"two words"}`},
		{`"6"`, `{"__function_input":6}`},
		{`"[1, 2]"`, `{"__function_input":[1,2]}`},
		{`"\"quoted\""`, `{"__function_input":"quoted"}`},
		{`"{not json"`, `{"__function_input":"{not json"}`},
		{`"NaN"`, `{"__function_input":"NaN"}`},
		{`"{\"a\": {\"b\": [[]]}}"`, `{"a":{"b":[[]]}}`},
	} {
		o := &fields.Object{Fields: map[string]json.RawMessage{"input": json.RawMessage(c.raw)}}
		if got := inputField(o, "input", 1000); got != c.want || o.Fault() != nil {
			t.Errorf("%s: %s %v, want %s", c.raw, got, o.Fault(), c.want)
		}
	}
}

func TestInputIsRefused(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for _, c := range []struct {
		raw, want string
		kind      faas.Kind
	}{
		{`6`, "input must be a string or a JSON object; it is 6.", faas.Invalid},
		{`[1]`, "input must be a string or a JSON object", faas.Invalid},
		{`"` + deep + `"`, "input must not be nested deeper than 200 levels.", faas.Invalid},
		{`{"a": ` + deep + `}`, "input must not be nested deeper than 200 levels.", faas.Invalid},
		{`"` + strings.Repeat("x", 1001) + `"`, "input must be at most 1000 bytes; it has 1001.", faas.TooLarge},
	} {
		o := &fields.Object{Fields: map[string]json.RawMessage{"input": json.RawMessage(c.raw)}}
		inputField(o, "input", 1000)
		if err := o.Fault(); faas.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.raw, err, c.want)
		}
	}
	o := &fields.Object{
		Fields: map[string]json.RawMessage{"input": json.RawMessage(`"\"` + strings.Repeat("[", maxDepth+9) + `\""`)},
	}
	if inputField(o, "input", 1000); o.Fault() != nil {
		t.Errorf("brackets in a string were counted: %v", o.Fault())
	}
}
