package event

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// findDecoded does what find does by decoding all of the data.
func findDecoded(text []byte, path dataPath) (value any, ok bool) {
	value = decoded(text)
	for _, name := range path {
		switch in := value.(type) {
		case map[string]any:
			if value, ok = in[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			value = in[i]
		default:
			return nil, false
		}
	}
	return value, true
}

func decoded(text []byte) (value any) {
	from := json.NewDecoder(bytes.NewReader(text))
	from.UseNumber()
	_ = from.Decode(&value)
	return value
}

func TestFind(t *testing.T) {
	text := []byte(` { "a" : [ 1 , "x,]}\"" , { "b\u002ec" : null , "" : [] } , [ [ true ] , -1.5e3 ] ] , "d":{"e":"f"} ,
		"d" : { "g" : 2 }, "\\" : {} } `)
	for path, want := range map[string]string{
		"a.0": "1", "a.1": `"x,]}\""`, `a.2.b\.c`: "null", "a.3.0.0": "true", "a.3.1": "-1.5e3", "d.g": "2", `\\`: "{}",
		"a.3": "[ [ true ] , -1.5e3 ]", "d": `{ "g" : 2 }`,
		"d.e": "", "a.4": "", "a.-1": "", "a.x": "", "a.0.0": "", "a.1.x": "", "x": "", `a.2.b\.c.d`: "",
	} {
		p, err := parsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := find(text, p); string(got) != want || ok != (want != "") {
			t.Errorf("%s is %q, %t, want %q", path, got, ok, want)
		}
	}
}

// BenchmarkHostileData looks into data that is costly to decode.
func BenchmarkHostileData(b *testing.B) {
	f, err := ParseFilter(json.RawMessage(`[{"data": {"exact": {"a": 1}}}]`))
	if err != nil {
		b.Fatal(err)
	}
	for name, item := range map[string]string{"members": `{"":{}},`, "lists": `[],`, "numbers": `1,`, "text": `"x",`} {
		b.Run(name, func(b *testing.B) {
			e := sample()
			e.DataEncoded = []byte(`{"a":1,"b":[` + strings.Repeat(item, 250000/len(item)) + `1]}`)
			b.SetBytes(int64(len(e.DataEncoded)))
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := f.Match(e); !ok {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte(` {"a": [1, {"b": "x\"]"}], "a": {"c": [[]]}} `), "a.c.0")
	f.Add([]byte(`[ "\u0061", {"a.b": {"a\\": {}}} , 1e5]`), `1.a\.b.a\\`)
	f.Fuzz(func(t *testing.T, text []byte, at string) {
		path, err := parsePath(at)
		if err != nil || !json.Valid(text) {
			return
		}
		want, there := findDecoded(text, path)
		got, ok := find(text, path)
		if ok != there || ok && !reflect.DeepEqual(decoded(got), want) {
			t.Errorf("%s in %s is %s, %t; want %v, %t", path, text, got, ok, want, there)
		}
	})
}
