package faas

import (
	"maps"
	"strings"
	"testing"
)

func TestPlacement(t *testing.T) {
	p, err := NewPlacement(map[string]string{"zone": "a", "gpu": "yes"})
	if err != nil || p != "gpu=yes,zone=a" {
		t.Fatalf("got %q, %v", p, err)
	}
	if !maps.Equal(p.Labels(), map[string]string{"zone": "a", "gpu": "yes"}) {
		t.Errorf("labels %v", p.Labels())
	}
	for _, test := range []struct {
		labels          map[string]string
		fits, isAskedOf bool
	}{
		{map[string]string{"zone": "a", "gpu": "yes", "more": "x"}, true, true},
		{map[string]string{"zone": "a"}, false, true},
		{map[string]string{"zone": "b", "gpu": "no"}, false, false},
		{nil, false, false},
	} {
		if p.Fits(test.labels) != test.fits || p.AsksFor(test.labels) != test.isAskedOf {
			t.Errorf("%v: fits %v, asks %v", test.labels, p.Fits(test.labels), p.AsksFor(test.labels))
		}
	}
	if none, err := NewPlacement(nil); err != nil || none != "" || !none.Fits(nil) || len(none.Labels()) > 0 {
		t.Errorf("none: %q, %v", none, err)
	}
}

func TestPlacementsThatAreWrong(t *testing.T) {
	many := map[string]string{}
	for i := range MaxPlacementLabels + 1 {
		many["l"+strings.Repeat("x", i)] = "y"
	}
	for name, labels := range map[string]map[string]string{
		"too many": many, "no value": {"zone": ""}, "no name": {"": "a"}, "a comma": {"zone": "a,b"}, "equals": {"zo=ne": "a"},
		"long": {"zone": strings.Repeat("a", 64)}, "letters of others": {"zone": "ä"}, "a line": {"zone": "a\nb"},
	} {
		if p, err := NewPlacement(labels); KindOf(err) != Invalid {
			t.Errorf("%s: %q, %v", name, p, err)
		}
	}
}
