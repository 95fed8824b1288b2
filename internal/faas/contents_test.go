package faas

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestContentsAreRecorded(t *testing.T) {
	version, wrong := "2.28.1+dfsg", "1\n2"
	for _, c := range []struct {
		contents             Contents
		interpreter, modules string
	}{
		{Contents{}, "", ""},
		{Contents{Interpreter: "Node.js 20.1.0", Modules: []Module{}}, "Node.js 20.1.0", "[]"},
		{Contents{Interpreter: "a\nb"}, "", ""},
		{Contents{Interpreter: strings.Repeat("x", 101)}, "", ""},
		{
			Contents{Modules: []Module{
				{Name: "requests", Version: &version}, {Name: "bad name"}, {Name: "six"}, {Name: ""}, {Name: "pbr", Version: &wrong},
			}},
			"",
			`[{"name":"requests","version":"2.28.1+dfsg"},{"name":"six","version":null},{"name":"pbr","version":null}]`,
		},
	} {
		interpreter, modules := c.contents.Recorded()
		if interpreter != c.interpreter || modules != c.modules {
			t.Errorf("%+v: got %q, %q", c.contents, interpreter, modules)
		}
	}
}

func TestContentsAreBounded(t *testing.T) {
	var many Contents
	for i := range 1000 {
		many.Modules = append(many.Modules, Module{Name: fmt.Sprintf("module%d", i)})
	}
	_, text := many.Recorded()
	var kept []Module
	if err := json.Unmarshal([]byte(text), &kept); err != nil || len(text) > 16<<10 || len(kept) < 100 || kept[99] != many.Modules[99] {
		t.Errorf("%d bytes, %d modules: %v", len(text), len(kept), err)
	}
}
