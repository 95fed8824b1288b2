package ownership

import (
	"slices"
	"strconv"
	"strings"
)

// report has the log say which shards this engine owns, when they are others than the last time.
// Shards come and go one by one and dozens at a time, so a line is written at a beat and not for
// each of them.
func (b *Balancer) report() {
	var owned []int
	for _, o := range b.Owned() {
		owned = append(owned, o.Shard)
	}
	if slices.Equal(owned, b.told) {
		return
	}
	b.cfg.Log.Info("the shards that this engine owns have changed", "owned", len(owned), "of", int(b.shards),
		"shards", ranges(owned), "gained", ranges(without(owned, b.told)), "lost", ranges(without(b.told, owned)))
	b.told = owned
}

// without returns the elements of all that are not among the others.
func without(all, others []int) []int {
	return slices.DeleteFunc(slices.Clone(all), func(n int) bool { return slices.Contains(others, n) })
}

// ranges writes ascending numbers as in 0-7,9,12-13; "none" for none.
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		first := i
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; i++ {
		}
		part := strconv.Itoa(numbers[first])
		if last := i - 1; last > first {
			part += "-" + strconv.Itoa(numbers[last])
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ",")
}
