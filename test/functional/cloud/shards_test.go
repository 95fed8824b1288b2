package cloud

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shardCount is how many shards `faas-manage db sync` makes.
const shardCount = 64

// threeEngines is the setting of devstack/mini/up that has a third engine.
const threeEngines = "CLOUD_ENGINES=3"

// ownedShards returns how many shards the engine with the number says that it owns, -1 when it does
// not answer.
func ownedShards(ctx context.Context, t *testing.T, number int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, hangTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, env.engines[number-1]+"/metrics", nil)
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

// awaitEqualShares waits until the engines with these numbers own all shards, none of them two more
// than another, and logs how they came there. All of them must live: an engine that has ended by
// itself would keep the others from it for ever.
func awaitEqualShares(ctx context.Context, t *testing.T, what string, numbers ...int) {
	t.Helper()
	begun := time.Now()
	var owned []int
	await(ctx, t, fmt.Sprintf("%s the engines %v have equal shares", what, numbers), func() bool {
		owned = owned[:0]
		sum := 0
		for _, number := range numbers {
			if part := fmt.Sprintf("faas-engine-%d", number); !alive(pid(t, part)) {
				t.Fatalf("%s has ended; see %s/%s.log", part, env.logs, part)
			}
			n := ownedShards(ctx, t, number)
			owned, sum = append(owned, n), sum+n
		}
		return sum == shardCount && slices.Max(owned)-slices.Min(owned) <= 1
	})
	t.Logf("%s: engines %v own %v after %v", what, numbers, owned, time.Since(begun).Round(time.Millisecond))
}

// TestShardsAreBalanced kills three engines in turn, under load, and starts each again: those that
// live divide the shards into equal shares each time. Nothing that was acknowledged meanwhile is
// lost or runs twice, nothing is refused, and every asynchronous execution ends.
func TestShardsAreBalanced(t *testing.T) {
	ctx, c := testContext(t), client(t)
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) }) // two, as the other tests expect
	up(ctx, t, threeEngines)
	awaitEqualShares(ctx, t, "with three", 1, 2, 3)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for killed := 1; killed <= 3; killed++ {
		l.more(ctx, t, 50)
		end(ctx, t, fmt.Sprintf("faas-engine-%d", killed), syscall.SIGKILL)
		others := slices.DeleteFunc([]int{1, 2, 3}, func(n int) bool { return n == killed })
		awaitEqualShares(ctx, t, fmt.Sprintf("without %d", killed), others...)
		l.more(ctx, t, 50)
		up(ctx, t, threeEngines)
		awaitEqualShares(ctx, t, fmt.Sprintf("with %d again", killed), 1, 2, 3)
	}
	l.more(ctx, t, 50)
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t)
}
