package cloud

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shardCount is how many shards `faas-manage db sync` makes.
const shardCount = 64

// ownedShards returns how many shards the engine says that it owns, -1 when it does not answer.
func (p *part) ownedShards(ctx context.Context, t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, hangTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+p.port+"/metrics", nil)
	must(t, err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "faas_engine_owned_shards "); found {
			n, err := strconv.Atoi(value)
			must(t, err)
			return n
		}
	}
	return -1
}

// awaitEqualShares waits until these engines own all shards, none of them two more than another,
// and logs how they came there. All of them must live: an engine that has ended by itself would
// keep the others from it for ever.
func (i *installation) awaitEqualShares(what string, engines ...string) {
	i.Helper()
	begun := time.Now()
	var owned []int
	await(i.ctx, i.T, fmt.Sprintf("%s %v have equal shares", what, engines), func() bool {
		owned = owned[:0]
		sum := 0
		for _, name := range engines {
			p := i.parts[name]
			select {
			case <-p.ended:
				i.Fatalf("%s has ended: %s", name, p.tail())
			default:
			}
			n := p.ownedShards(i.ctx, i.T)
			owned, sum = append(owned, n), sum+n
		}
		return sum == shardCount && slices.Max(owned)-slices.Min(owned) <= 1
	})
	i.Logf("%s: %v own %v after %v", what, engines, owned, time.Since(begun).Round(time.Millisecond))
}

// TestShardsAreBalanced kills three engines in turn, under load, and starts each again: those that
// live divide the shards into equal shares each time. Nothing that was acknowledged meanwhile is
// lost or runs twice, nothing is refused, and every asynchronous execution ends.
func TestShardsAreBalanced(t *testing.T) {
	t.Parallel() // it mostly waits until those that were killed are believed to be dead
	ctx := testContext(t)
	engines := []string{"engine-1", "engine-2", "engine-3"}
	i := newInstallation(ctx, t, "shards")
	i.serve(engines...)
	i.awaitEqualShares("with three", engines...)
	c := i.client()
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for _, killed := range engines {
		l.more(ctx, t, 50)
		i.kill(killed)
		others := slices.DeleteFunc(slices.Clone(engines), func(name string) bool { return name == killed })
		i.awaitEqualShares("without "+killed, others...)
		l.more(ctx, t, 50)
		i.start(killed, here(t))
		i.awaitEqualShares("with "+killed+" again", engines...)
	}
	l.more(ctx, t, 50)
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t)
}
