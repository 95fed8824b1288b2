package brokertest

import (
	"context"
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
)

// stand puts number n in line for a shard. It sends to owns when that has become the owner, and
// ends when it is no more.
func stand(t *testing.T, b broker.Broker, shard string, n int, g *gauge, owns, ends chan<- int) (stop func()) {
	t.Helper()
	stop, err := b.Own(t.Context(), shard, func(ctx context.Context) {
		defer g.in()()
		owns <- n
		<-ctx.Done()
		ends <- n
	})
	must(t, err)
	return stop
}

// ownInTurn has five stand in line: the first owns, and each time the owner stops another does,
// never two at once.
func ownInTurn(t *testing.T, b broker.Broker) {
	var g gauge
	owns, ends := make(chan int, 10), make(chan int, 10)
	stops := []func(){stand(t, b, "shard", 0, &g, owns, ends)}
	owner := receive(t, owns)
	for n := 1; n < 5; n++ {
		stops = append(stops, stand(t, b, "shard", n, &g, owns, ends))
	}
	for left := 5; ; owner = receive(t, owns) {
		stops[owner]()
		if ended := receive(t, ends); ended != owner {
			t.Errorf("%d was stopped, and %d ended", owner, ended)
		}
		if left--; left == 0 {
			break
		}
	}
	if most := g.most.Load(); most != 1 {
		t.Errorf("%d owned the shard at once", most)
	}
}

// ownOthers are shards that have nothing to do with each other.
func ownOthers(t *testing.T, b broker.Broker) {
	var g gauge
	owns, ends := make(chan int, 10), make(chan int, 10)
	for n, shard := range []string{"a", "b", "c"} {
		defer stand(t, b, shard, n, &g, owns, ends)()
		receive(t, owns)
	}
	if most := g.most.Load(); most != 3 {
		t.Errorf("%d of three shards are owned", most)
	}
}

// ownAgain is an owner that returns by itself: it gets another turn.
func ownAgain(t *testing.T, b broker.Broker) {
	turns := make(chan struct{}, 10)
	stop, err := b.Own(t.Context(), "brief", func(context.Context) {
		select {
		case turns <- struct{}{}:
		default:
		}
	})
	must(t, err)
	defer stop()
	receive(t, turns)
	receive(t, turns)
}
