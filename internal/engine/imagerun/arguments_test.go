package imagerun

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestArgumentsOf(t *testing.T) {
	for input, want := range map[string][]string{
		``: nil,
		`{"__function_input":"one  two\tthree\nfour "}`:                    {"one", "two", "three", "four"},
		`{"__function_input":"   "}`:                                       nil,
		`{"__function_input":"--privileged -v /:/host $(PORT) $$ ; rm *"}`: {"--privileged", "-v", "/:/host", "$(PORT)", "$$", ";", "rm", "*"},
		`{"__function_input":"\"quotes stay\""}`:                           {`"quotes`, `stay"`},
		`{"__function_input":5}`:                                           {"5"},
		`{"__function_input":["a b","c"]}`:                                 {`["a b","c"]`},
		`{"__function_input":null}`:                                        nil,
		`{"a":"b c\nd: e"}`:                                                {`{"a":"b c\nd: e"}`},
		`{"__function_input":"a b","c":"d"}`:                               {`{"__function_input":"a b","c":"d"}`},
		`{}`:                                                               {"{}"},
	} {
		got, fault := argumentsOf(json.RawMessage(input))
		if fault != "" || !slices.Equal(got, want) {
			t.Errorf("%s: %q %s, want %q", input, got, fault, want)
		}
	}
}

func TestArgumentsThatCannotBe(t *testing.T) {
	for name, input := range map[string]string{
		"a NUL":    `{"__function_input":"a\u0000b"}`,
		"one long": `{"a":"` + strings.Repeat("x", maxArgument) + `"}`,
		"many":     `{"__function_input":"` + strings.Repeat("x ", maxArguments/2+1) + `"}`,
	} {
		if got, fault := argumentsOf(json.RawMessage(input)); fault == "" || got != nil {
			t.Errorf("%s: %d arguments", name, len(got))
		}
	}
}
