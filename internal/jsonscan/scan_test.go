package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func membersOf(object []byte) (map[string]string, error) {
	found := map[string]string{}
	err := Members(object, func(name, value []byte) { found[string(name)] = string(value) })
	return found, err
}

func TestMembers(t *testing.T) {
	for _, one := range []struct {
		object string
		want   map[string]string
	}{
		{`{}`, map[string]string{}},
		{" {\n\"a\" : 1 , \"b\":\"x\"}\t", map[string]string{"a": "1", "b": `"x"`}},
		{`{"a":{"b":[1,{"c":"}]"}]},"d":null}`, map[string]string{"a": `{"b":[1,{"c":"}]"}]}`, "d": "null"}},
		{`{"a":"\\","b":"\"","c":"\\\"}"}`, map[string]string{"a": `"\\"`, "b": `"\""`, "c": `"\\\"}"`}},
		{`{"tenant\u005fid":"x"}`, map[string]string{"tenant_id": `"x"`}},
		{`{"a":1,"a":2}`, map[string]string{"a": "2"}},
		{`{"A":1,"a":2}`, map[string]string{"A": "1", "a": "2"}},
	} {
		got, err := membersOf([]byte(one.object))
		if err != nil {
			t.Errorf("%s: %v", one.object, err)
			continue
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(one.want)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: got %s, want %s", one.object, a, b)
		}
	}
}

func TestMembersOfRubbish(t *testing.T) {
	deep := `{"a":` + strings.Repeat("[", 1_000_000)
	for _, rubbish := range []string{
		"", "null", "[]", "7", `"text"`, "{", `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":}`, `{"a" 1}`,
		`{a:1}`, `{"a":"x}`,
		`{"a":"\`, `{"a":"\"}`, `{"a":[}`, `{"\q":1}`, `{"\u00":1}`, "\xff\xfe", deep,
	} {
		if got, err := membersOf([]byte(rubbish)); err == nil {
			t.Errorf("%.40q has the members %v", rubbish, got)
		}
	}
}

func TestText(t *testing.T) {
	for value, want := range map[string]string{
		`"x"`: "x", `""`: "", `null`: "", `7`: "", `["x"]`: "", `{"a":1}`: "", `true`: "", `"\""`: `"`,
		`"\u00e9\n"`:     "é\n",
		`"\ud83d\ude00"`: "😀", `"\ud83d"`: "\ufffd", `"\ud83d\u0041"`: "\ufffdA",
	} {
		if got := Text([]byte(value)); string(got) != want {
			t.Errorf("%s says %q, want %q", value, got, want)
		}
	}
}

// FuzzScan holds the scanner against encoding/json: of what is JSON it finds the same members with
// the same values, and of what is not it may find anything, but ends.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"oslo.version":"2.0","oslo.message":"{\"event_type\":\"a.b\",\"payload\":{\"tenant_id\":\"p\"}}"}`,
		`{"a":{"b":[1,2.5e3,{"c":"}]"}]},"\u0061":null}`, `{"a":"\ud83d\ude00\ud83d"}`, ` {} `, `{"a":"\\"}`,
		`{"":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		got := map[string][]byte{}
		err := Members(object, func(name, value []byte) {
			got[string(bytes.ToValidUTF8(name,
				[]byte("\ufffd")))] = value
		})
		var want map[string]json.RawMessage
		if !json.Valid(object) || json.Unmarshal(object, &want) != nil || want == nil {
			return
		}
		if err != nil {
			if err == ErrTooDeep { //nolint:errorlint // it is never wrapped
				return
			}
			t.Fatalf("%q: %v", object, err)
		}
		if !bytes.Equal(object, bytes.ToValidUTF8(object, nil)) {
			return // encoding/json replaces what is no UTF-8, and may so make two names one
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", object, len(got), len(want))
		}
		for name, value := range want {
			if !bytes.Equal(bytes.TrimSpace(value), got[name]) {
				t.Fatalf("%q: %q is %q, want %q", object, name, got[name], value)
			}
			var said string
			if json.Unmarshal(value, &said) == nil && value[0] == '"' && string(Text(got[name])) != said {
				t.Fatalf("%q: %q says %q, want %q", object, name, Text(got[name]), said)
			}
		}
	})
}
