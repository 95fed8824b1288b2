package broker_test

import (
	"bytes"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
)

// changes counts the log's lines about changed tokens.
type changes struct{ n atomic.Int32 }

func (c *changes) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("changed a shard's token")) {
		c.n.Add(1)
	}
	return len(line), nil
}

// TestOwnerChangesItsToken has owners change their tokens many times: they stay owners, and the
// next is told when they leave.
func TestOwnerChangesItsToken(t *testing.T) {
	c := config(t, server(t).URL())
	var changed changes
	c.Log = slog.New(slog.NewTextHandler(&changed, &slog.HandlerOptions{Level: slog.LevelDebug}))
	broker.ChangeTokens(&c, 10*time.Millisecond)
	events := make(chan string, 100)
	next := func(want string) {
		t.Helper()
		if got := receive(t, events); got != want {
			t.Fatalf("%s, want: %s", got, want)
		}
	}
	changes := func() {
		t.Helper()
		until := changed.n.Load() + 20
		poll(t, "the token is changed again and again", func() bool { return changed.n.Load() >= until })
		if len(events) != 0 {
			t.Fatal(<-events)
		}
	}
	first := connect(t, c)
	own(t, first, "first", events)
	next("first owns")
	changes() // alone
	second, third := connect(t, c), connect(t, c)
	own(t, second, "second", events)
	own(t, third, "third", events)
	changes()
	must(t, first.Close())
	next("first ends")
	next("second owns")
	changes()
	must(t, second.Close())
	next("second ends")
	next("third owns")
	changes()
}
