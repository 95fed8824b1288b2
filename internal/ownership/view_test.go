package ownership

import (
	"fmt"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func names(n int) (engines []string) {
	for i := range n {
		engines = append(engines, fmt.Sprintf("engine-%d-5f0c", i))
	}
	return engines
}

// shares counts the shards that each engine should own, and fails when a line is not as it must be.
func shares(t *testing.T, v View, shards int) map[string]int {
	t.Helper()
	has := map[string]int{}
	for shard := range shards {
		line := v.lines[shard]
		if want := min(lineLength, len(v.engines)); len(line) != want ||
			len(slices.Compact(slices.Sorted(slices.Values(line)))) != want {
			t.Errorf("of %d engines these stand in line for shard %d: %q", len(v.engines), shard, line)
		}
		has[v.Target(shard)]++
	}
	return has
}

func TestSharesAreEqual(t *testing.T) {
	for _, shards := range []int{1, 8, 64} {
		for n := 1; n <= 80; n++ {
			has := shares(t, NewView(names(n), faas.Sharding(shards)), shards)
			least, most := shards, 0
			for _, engine := range names(n) {
				least, most = min(least, has[engine]), max(most, has[engine])
			}
			if most-least > 1 {
				t.Errorf("%d shards, %d engines: one should own %d, another %d", shards, n, most, least)
			}
		}
	}
}

func TestEveryoneSeesTheSame(t *testing.T) {
	engines := names(7)
	one := NewView(engines, 64)
	slices.Reverse(engines)
	other := NewView(append(engines, engines[3]), 64)
	if one.ID() != other.ID() || !slices.EqualFunc(one.lines, other.lines, slices.Equal[[]string]) {
		t.Error("the order in which engines are seen changes the view")
	}
	if less := NewView(engines[1:], 64); less.ID() == one.ID() {
		t.Error("another set has the same name")
	}
}

// TestFewShardsMove has an engine come and go: what moves is not much more than its share. A change
// of nothing but the bound moves a few others.
func TestFewShardsMove(t *testing.T) {
	for n := 2; n <= 50; n++ {
		with, without := NewView(names(n), 64), NewView(names(n-1), 64)
		moved := 0
		for shard := range 64 {
			if with.Target(shard) != without.Target(shard) {
				moved++
			}
		}
		if least := 64 / n; moved > 2*least+6 {
			t.Errorf("from %d engines to %d: %d of 64 shards move, and %d have to", n, n-1, moved, least)
		}
	}
}

func TestLinesCoverEveryShard(t *testing.T) {
	v := NewView(names(5), 64)
	stands := map[int]int{}
	for _, engine := range names(5) {
		for _, shard := range v.StandsFor(engine) {
			stands[shard]++
		}
	}
	for shard := range 64 {
		if stands[shard] != lineLength {
			t.Errorf("%d stand in line for shard %d", stands[shard], shard)
		}
	}
	if none := NewView(nil, 64); none.Target(3) != "" || none.StandsFor("engine") != nil {
		t.Error("without engines somebody should own a shard")
	}
}
