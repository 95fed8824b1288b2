package ownership

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// lineLength is how many engines stand in line for a shard: its owner and those that take it over.
// More would cost a subscription of every engine to every shard; with three, two engines have to
// end in the same moments before a shard waits for an announcement to grow old.
const lineLength = 3

// View is what follows from a set of engines: whose each shard should be, and who stands in line
// for it. It is the same for everyone who sees the same set. It is immutable.
type View struct {
	id      string
	engines []string   // sorted
	lines   [][]string // by shard; the first of each should own it
}

// NewView works out the view of a set of engines on a number of shards.
//
// Each pair of an engine and a shard has a score, as in rendezvous hashing: an engine that comes or
// goes changes nothing about the scores of others, so few shards move. The pairs are granted in
// the order of their scores while the engine has room for one more: the numbers of two engines
// differ by one at most.
func NewView(engines []string, shards faas.Sharding) View {
	engines = slices.Sorted(slices.Values(engines))
	engines = slices.Compact(engines)
	v := View{id: identify(engines), engines: engines, lines: make([][]string, shards)}
	if len(engines) == 0 {
		return v
	}
	ranked := make([][]pair, shards)
	var all []pair
	for shard := range ranked {
		for _, engine := range engines {
			ranked[shard] = append(ranked[shard], pair{engine, shard, score(engine, shard)})
		}
		slices.SortFunc(ranked[shard], byScore)
		all = append(all, ranked[shard]...)
	}
	slices.SortFunc(all, byScore)
	targets := grant(all, len(engines), int(shards))
	for shard, target := range targets {
		line := []string{target}
		for _, p := range ranked[shard] {
			if len(line) < lineLength && p.engine != target {
				line = append(line, p.engine)
			}
		}
		v.lines[shard] = line
	}
	return v
}

// pair is an engine and a shard.
type pair struct {
	engine string
	shard  int
	score  uint64
}

func byScore(a, b pair) int {
	return cmp.Or(-cmp.Compare(a.score, b.score), strings.Compare(a.engine, b.engine), cmp.Compare(a.shard, b.shard))
}

// grant returns whose each shard should be. Every engine may have the whole part of an equal share,
// and as many engines as there are shards over may have one more.
func grant(pairs []pair, engines, shards int) []string {
	share, over := shards/engines, shards%engines
	targets, has := make([]string, shards), map[string]int{}
	for _, p := range pairs {
		switch n := has[p.engine]; {
		case targets[p.shard] != "" || n > share:
			continue
		case n == share:
			if over == 0 {
				continue
			}
			over--
		}
		targets[p.shard] = p.engine
		has[p.engine]++
	}
	return targets
}

// score spreads the pairs evenly: FNV alone changes little when only the last bytes differ.
func score(engine string, shard int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(engine)) // never fails
	x := h.Sum64() ^ (uint64(shard)+1)*0x9e3779b97f4a7c15
	for range 2 { // the finaliser of MurmurHash3
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
	}
	return x ^ x>>33
}

func identify(engines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(engines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// ID names the set of engines. Announcements carry it.
func (v View) ID() string { return v.id }

// Target returns the engine that should own a shard, "" when there is none.
func (v View) Target(shard int) string {
	if len(v.lines[shard]) == 0 {
		return ""
	}
	return v.lines[shard][0]
}

// StandsFor returns the shards for which an engine stands in line.
func (v View) StandsFor(engine string) []int {
	var shards []int
	for shard, line := range v.lines {
		if slices.Contains(line, engine) {
			shards = append(shards, shard)
		}
	}
	return shards
}
