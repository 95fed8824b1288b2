package ownership

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestRetreats has an owner see engines announce themselves: it leaves a shard to its right owner
// only when that is known to stand in line.
func TestRetreats(t *testing.T) {
	view := NewView([]string{"me", "other"}, 64)
	mine, others := -1, -1
	for shard := range 64 {
		if view.Target(shard) == "me" {
			mine = shard
		} else {
			others = shard
		}
	}
	took := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		shard    int
		standing string
		seen     time.Time
		want     bool
	}{
		"it stands in line":                 {others, view.ID(), took.Add(time.Second), true},
		"it has not been heard of since":    {others, view.ID(), took, false},
		"it stands in line for another set": {others, "another", took.Add(time.Second), false},
		"it does not stand in line yet":     {others, "", took.Add(time.Second), false},
		"the shard is where it should be":   {mine, view.ID(), took.Add(time.Second), false},
	} {
		b := &Balancer{
			cfg:  Config{Name: "me", Now: time.Now},
			view: view,
			left: map[int]retreat{},
			live: map[string]store.LiveEngine{
				"me": {
					Name:     "me",
					Standing: view.ID(),
					SeenAt:   took.Add(time.Hour),
				}, "other": {Name: "other", Standing: c.standing, SeenAt: c.seen},
			},
		}
		row := store.ShardOwner{Ownership: faas.Ownership{Shard: c.shard, Epoch: 1}, Owner: "me", OwnedAt: took}
		if got := b.retreats(row); got != c.want {
			t.Errorf("%s: the shard is left: %v, want %v", name, got, c.want)
		}
	}
}

// TestRetreatsLessOften has a shard come back each time that it is left: its right owner says that
// it stands in line and does not take it.
func TestRetreatsLessOften(t *testing.T) {
	view := NewView([]string{"me", "other"}, 64)
	shard := 0
	for view.Target(shard) == "me" {
		shard++
	}
	now := time.Unix(1000, 0)
	b := &Balancer{
		cfg: Config{Name: "me", Now: func() time.Time { return now }}, view: view, left: map[int]retreat{},
		live: map[string]store.LiveEngine{"other": {Name: "other", Standing: view.ID(), SeenAt: now}},
	}
	row := store.ShardOwner{Ownership: faas.Ownership{Shard: shard}}
	left := 0
	for range 3600 { // an hour, by the second
		if b.retreats(row) {
			left++
		}
		now = now.Add(time.Second)
	}
	if want := 7 + 11; left < want-1 || left > want+1 { // after 0, 5, 10, 20, … 160 s, then every five minutes
		t.Errorf("it was left %d times in an hour, want about %d", left, want)
	}
}
