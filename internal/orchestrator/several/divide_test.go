package several

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// TestDivide divides pools by weights and room.
func TestDivide(t *testing.T) {
	for _, test := range []struct {
		size, a, b, c int // weights
		bounds        map[string]int
		want          string
	}{
		{6, 1, 1, 1, nil, "2 2 2"},
		{4, 2, 1, 1, nil, "2 1 1"},
		{10, 0, 1, 4, nil, "- 2 8"},
		{0, 1, 1, 1, nil, "0 0 0"},
		{6, 1, 1, 1, map[string]int{"a": 0}, "0 3 3"},
		{6, 1, 1, 1, map[string]int{"a": 1, "b": 1}, "1 1 4"},
		{6, 1, 1, 1, map[string]int{"a": 0, "b": 0, "c": 0}, "2 2 2"}, // they wait where they would without bounds
	} {
		o := &room{clusters: &clusters{}, limits: map[limited]limit{}}
		for i, weight := range []int{test.a, test.b, test.c} {
			m := newMember(Cluster{Name: string(rune('a' + i)), Weight: weight})
			m.inner = &refusing{}
			o.members = append(o.members, m)
		}
		for name, most := range test.bounds {
			o.limits[limited{"r", name}] = limit{most, time.Now().Add(time.Hour)}
		}
		shares, err := o.divide(orchestrator.Pool{RuntimeID: "r", Size: test.size}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range shares {
			if s.none {
				got = append(got, "-")
			} else {
				got = append(got, fmt.Sprint(s.size))
			}
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%d by %d %d %d with %v: %s, want %s", test.size, test.a, test.b, test.c, test.bounds, text, test.want)
		}
	}
}

// TestPoolsOfOneAreSpread: not all runtimes have their one worker in the same cluster.
func TestPoolsOfOneAreSpread(t *testing.T) {
	o := &room{clusters: &clusters{}, limits: map[limited]limit{}}
	for _, name := range []string{"a", "b"} {
		m := newMember(Cluster{Name: name, Weight: 1})
		m.inner = &refusing{}
		o.members = append(o.members, m)
	}
	in := map[string]int{}
	for i := range 100 {
		shares, err := o.divide(orchestrator.Pool{RuntimeID: fmt.Sprint(i), Size: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range shares {
			in[s.m.Name] += s.size
		}
	}
	if in["a"] < 25 || in["b"] < 25 {
		t.Errorf("of 100 pools of one the clusters have %v", in)
	}
}
