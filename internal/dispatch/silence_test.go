package dispatch

import (
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/peer"
)

// deafen has the kernel drop whatever arrives for a connection, as if its host were cut off:
// nothing is acknowledged any more.
func deafen(t *testing.T, c net.Conn) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(
			int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop},
		)
	})
	if err := errors.Join(err, failed); err != nil {
		t.Error(err)
	}
}

// A call to a host that is cut off must end when the host has been silent for a while, not when its
// own time is up, whether the host goes before or after it has got the call; and one of a function
// that is only slow must not end.
func TestCallToASilentHost(t *testing.T) {
	for name, test := range map[string]struct {
		before, after bool // the host is cut off
	}{
		"cut off before the call": {before: true},
		"cut off during the call": {after: true},
		"slow":                    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := func(w http.ResponseWriter, call faas.Call) {
				if test.after {
					c, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					deafen(t, c)
					t.Cleanup(func() { _ = c.Close() })
					return
				}
				time.Sleep(2 * peer.Silence)
				succeed(w, call)
			}
			a := newAgentAt(t, "tcp", "127.0.0.1:0", testTarget.Key, slow)
			client := NewClient(func(string) string { return testToken })
			defer client.Close()
			if _, err := client.Status(t.Context(), a.worker); err != nil {
				t.Fatal(err)
			}
			if test.before {
				deafen(t, <-a.accepted)
			}
			_, err := client.Call(t.Context(), a.worker, aCall("1"))
			if !test.before && !test.after {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var unreachable *UnreachableError
			if !errors.Is(err, syscall.ETIMEDOUT) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &unreachable) {
				t.Errorf("got %v, want that the connection timed out after the call was sent", err)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	client := NewClient(func(string) string { return testToken })
	defer client.Close()
	if err := client.Probe(t.Context(), a.worker); err != nil {
		t.Errorf("a worker that lives: %v", err)
	}
	stranger := NewClient(func(string) string { return "another" })
	defer stranger.Close()
	if err := stranger.Probe(t.Context(), a.worker); err != nil {
		t.Errorf("a worker that refuses: %v", err)
	}
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if err := client.Probe(t.Context(), faas.Worker{ID: "deaf", Address: "tcp:" + deaf.Addr().String()}); err == nil {
		t.Error("a worker that does not answer lives")
	}
	a.server.Close()
	var unreachable *UnreachableError
	if err := client.Probe(t.Context(), a.worker); !errors.As(err, &unreachable) {
		t.Errorf("a worker that is gone: %v", err)
	}
}

// Whoever has the workers hears which did not answer, and not of those that only refused.
func TestSilentWorkersAreReported(t *testing.T) {
	gone, refusing := newAgent(
		t, testTarget.Key, succeed,
	), newAgent(
		t,
		testTarget.Key,
		func(w http.ResponseWriter, _ faas.Call) {
			refuse(w, faas.RefusedDraining)
		},
	)
	lost, there := newAgent(t, testTarget.Key, cut), newAgent(t, testTarget.Key, succeed)
	gone.server.Close()
	d := newDispatcher(
		t, &supply{workers: []faas.Worker{gone.worker, refusing.worker, lost.worker, there.worker}},
		time.Minute, 10,
	)
	if _, err := d.Call(t.Context(), testTarget, aCall("1"), begin); faas.KindOf(err) != faas.Internal {
		t.Errorf("the call that was cut: %v", err)
	}
	if _, err := d.Call(t.Context(), testTarget, aCall("2"), begin); err != nil {
		t.Error(err)
	}
	d.mu.Lock()
	req := d.groups[testTarget.Key].request()
	d.mu.Unlock()
	silent := map[string]bool{}
	for _, id := range req.Silent {
		silent[id] = true
	}
	if len(silent) != 2 || !silent[gone.worker.ID] || !silent[lost.worker.ID] || len(req.Known) != 4 {
		t.Errorf("silent are %v of %v", req.Silent, req.Known)
	}
}
