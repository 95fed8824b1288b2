package cloud

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// Each of these breaks one thing under steady load and then counts. An execution that was
// acknowledged is never lost and never runs twice; one whose record says that it may have run did
// so at most once.

const (
	callers   = 6
	callTakes = 0.05 // seconds
)

// TestEngineKilled kills each engine once while it runs executions. The other takes over; a lease
// settles what the dead one had begun.
func TestEngineKilled(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for _, engine := range []string{"faas-engine-1", "faas-engine-2"} {
		l.more(ctx, t, 100)
		end(ctx, t, engine, syscall.SIGKILL)
		l.more(ctx, t, 200)
		up(ctx, t)
	}
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t) // a synchronous call needs no engine while its workers are warm
}

// TestRabbitMQKilled kills the message bus and brings it back. Warm calls do not need it, and what
// is asked for meanwhile runs afterwards.
func TestRabbitMQKilled(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	l.more(ctx, t, 100)
	end(ctx, t, "rabbitmq", syscall.SIGKILL)
	l.more(ctx, t, 50)
	up(ctx, t)
	l.more(ctx, t, 200)
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t, 429, 503)
}

// TestMariaDBKilled kills the database and brings it back: what cannot be recorded is refused, and
// what was acknowledged is there.
func TestMariaDBKilled(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for range 2 {
		l.more(ctx, t, 100)
		end(ctx, t, "mariadb", syscall.SIGKILL)
		up(ctx, t)
		l.more(ctx, t, 100)
	}
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t, 503)
}

// TestWorkersDeleted deletes pods of the function's workers at random. Their calls end as
// uncertain, and the next ones go to others.
func TestWorkersDeleted(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for range 6 {
		l.more(ctx, t, 40)
		pods := ofPods(ctx, t, "faas.openstack.org/function-id="+l.function, ".metadata.name")
		kubectl(
			ctx, t, "delete", "pod", "-n", "faas", pods[rand.IntN(len(pods))], "--grace-period=0", "--force",
			"--wait=false",
		)
	}
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t, 429)
}

// apiServerAway is how long the Kubernetes API is down.
const apiServerAway = 30 * time.Second

// TestKubernetesAPIDown stops the API server for half a minute: warm calls go on all the while,
// none of them refused.
func TestKubernetesAPIDown(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	l.more(ctx, t, 100)
	end(ctx, t, "kube-apiserver", syscall.SIGKILL)
	for until := time.Now().Add(apiServerAway); time.Now().Before(until); {
		l.more(ctx, t, 20)
	}
	up(ctx, t)
	l.more(ctx, t, 100)
	stop()
	l.settle(ctx, t, c)
	l.onlyRefusedWith(t)
}

// TestRollingRestart replaces both APIs and both engines one after the other, as an upgrade does.
// No request fails at all.
func TestRollingRestart(t *testing.T) {
	ctx, c := testContext(t), client(t)
	l := newLedger(ctx, t, c, callTakes)
	stop := l.load(ctx, c, callers)
	for _, part := range []string{"faas-api-1", "faas-api-2", "faas-engine-1", "faas-engine-2"} {
		l.more(ctx, t, 50)
		end(ctx, t, part, syscall.SIGTERM)
		l.more(ctx, t, 50)
		up(ctx, t)
	}
	stop()
	l.allSucceeded(ctx, t, c)
}
