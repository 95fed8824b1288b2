package ownership

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestRanges(t *testing.T) {
	for want, numbers := range map[string][]int{
		"none": nil, "5": {5}, "0-2": {0, 1, 2}, "0,2": {0, 2}, "0-1,3,62-63": {0, 1, 3, 62, 63},
	} {
		if got := ranges(numbers); got != want {
			t.Errorf("%v: got %s, want %s", numbers, got, want)
		}
	}
}

// TestReport has shards come and go: a change of many is one line, and no change is none.
func TestReport(t *testing.T) {
	var log bytes.Buffer
	b := &Balancer{
		cfg:    Config{Log: slog.New(slog.NewTextHandler(&log, nil))},
		shards: 8, owned: make([]*ownership, 8),
	}
	own := func(shards ...int) string {
		for shard := range b.owned {
			b.set(shard, nil)
		}
		for _, shard := range shards {
			b.set(shard, &ownership{Ownership: faas.Ownership{Shard: shard, Epoch: 1}, ctx: context.Background()})
		}
		log.Reset()
		b.report()
		return log.String()
	}
	for _, c := range []struct {
		shards []int
		want   string
	}{
		{nil, ""},
		{[]int{0, 1, 2, 3, 4, 5, 6, 7}, "owned=8 of=8 shards=0-7 gained=0-7 lost=none"},
		{[]int{0, 1, 2, 3, 4, 5, 6, 7}, ""},
		{[]int{0, 1, 2, 3}, "owned=4 of=8 shards=0-3 gained=none lost=4-7"},
		{[]int{0, 1, 2, 7}, "owned=4 of=8 shards=0-2,7 gained=7 lost=3"},
		{nil, "owned=0 of=8 shards=none gained=none lost=0-2,7"},
	} {
		got := own(c.shards...)
		if strings.Count(got, "\n") != min(1, len(c.want)) || !strings.Contains(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.shards, got, c.want)
		}
	}
}
