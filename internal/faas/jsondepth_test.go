package faas

import (
	"strings"
	"testing"
)

func TestNestedDeeper(t *testing.T) {
	brackets := strings.Repeat("[", 4)
	for text, want := range map[string]bool{
		"[[[]]]": false, "[[[[]]]]": true, `[{"a": [[1]]}]`: true, "[[],[],[],[]]": false, "": false,
		`["` + brackets + `"]`: false, `["\"` + brackets + `"]`: false, `["\\"` + brackets: true,
		brackets: true, "]]]" + brackets: false,
	} {
		if NestedDeeper([]byte(text), 3) != want {
			t.Errorf("%s: want %v", text, want)
		}
	}
}
