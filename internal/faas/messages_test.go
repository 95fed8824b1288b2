package faas

import "testing"

func TestFunctionChangedEnds(t *testing.T) {
	changed, deleted := FunctionChanged{FunctionID: "f", Revision: 2}, FunctionChanged{FunctionID: "f"}
	version := FunctionChanged{FunctionID: "f", Version: 3}
	for _, c := range []struct {
		change FunctionChanged
		key    Key
		want   bool
	}{
		{changed, Key{"f", 0, 1}, true}, {changed, Key{"f", 0, 2}, false}, {changed, Key{"f", 0, 3}, false},
		{changed, Key{"f", 3, 1}, false}, {changed, Key{"g", 0, 1}, false},
		{deleted, Key{"f", 0, 9}, true}, {deleted, Key{"f", 3, 1}, true}, {deleted, Key{"g", 0, 1}, false},
		{version, Key{"f", 3, 1}, true}, {version, Key{"f", 2, 1}, false}, {version, Key{"f", 0, 1}, false},
	} {
		if c.change.Ends(c.key) != c.want {
			t.Errorf("%+v ends %s: want %v", c.change, c.key, c.want)
		}
	}
}
