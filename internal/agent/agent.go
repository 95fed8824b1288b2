// Package agent is what runs beside a language runtime in every worker: it accepts one
// specialisation in its life, runs calls in the runtime's slots, holds them to their limits of time
// and size and captures what they print. Requests come over HTTP; the runtime speaks
// docs/runtime-protocol.md. Nothing that the runtime sends is trusted: it may be user code.
package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/netio"
	"github.com/openstack-faas/faas/internal/proctree"
	"github.com/openstack-faas/faas/internal/supervision"
)

// Agent is one worker's agent. There is one in a process: it may take the process's children for
// its own.
type Agent struct {
	config  agentconfig.Config
	log     *slog.Logger
	now     func() time.Time
	gate    gate
	door    *door
	mark    mark
	runtime processes

	sharesNetwork bool // with the function: what connects from within is the function

	worker *worker
	root   *root
	memory memoryWatch
	calls  underway
	wait   sync.WaitGroup // of every goroutine but those of the server
}

// New makes an agent whose runtime lives beneath it; Run is its life.
func New(c agentconfig.Config, log *slog.Logger, now func() time.Time) *Agent {
	var group *cgroup.Group
	if c.Cgroup != nil {
		group = cgroup.Open(*c.Cgroup)
	}
	return newAgent(c, proctree.New(c.Runtime, group, true), knownToken(c.Token), log, now)
}

func newAgent(c agentconfig.Config, p processes, g gate, log *slog.Logger, now func() time.Time) *Agent {
	a := &Agent{config: c, log: log, now: now, gate: g, runtime: p, worker: newWorker(c.Slots, now)}
	a.memory.runtime = p
	a.root = newRoot(c.RunDir, c.Limits, &a.wait, a.worker.refuse, log)
	return a
}

// Run starts the runtime, announces the worker and serves until one of these: ctx ends, then calls
// under way are waited for; abandoned is closed, then they are not; the runtime ends, then Run
// returns an error. When it returns, nothing of what the agent started runs any more.
func (a *Agent) Run(ctx context.Context, abandoned <-chan struct{}, announce io.Writer) error {
	failed := a.run(ctx, abandoned, announce)
	if failed != nil {
		_ = json.NewEncoder(announce).Encode(agentconfig.Announcement{
			State: agentconfig.AnnouncedFailed, Message: failed.Error(),
		})
	}
	return failed
}

func (a *Agent) run(ctx context.Context, abandoned <-chan struct{}, announce io.Writer) error {
	if err := proctree.Shield(); err != nil {
		return err
	}
	if err := a.mark.begin(a.config); err != nil {
		return err
	}
	proctree.ReserveThreads()
	control, err := listen(ctx, a.config.Listen)
	if err != nil {
		return err
	}
	if a.sharesNetwork {
		if control, err = onlyOutside(control); err != nil {
			return err
		}
	}
	server := newFront(control, a.door, a, a.gate, a.call, a.log)
	a.wait.Go(func() { _ = server.serve() })
	return a.serve(ctx, server, abandoned, func(version string) error {
		return json.NewEncoder(announce).Encode(agentconfig.Announcement{
			State: a.worker.status().State, Address: address(control), Version: version,
		})
	})
}

// serve is run from the moment when the server runs until everything has stopped.
func (a *Agent) serve(
	ctx context.Context, server *front, abandoned <-chan struct{}, ready func(version string) error,
) error {
	socket := filepath.Join(a.config.RunDir, "runtime.sock")
	runtimes, err := listenUnix(ctx, socket)
	if err != nil {
		_ = server.close()
		a.wait.Wait()
		return err
	}
	a.wait.Go(func() { a.accept(runtimes) })
	err = a.runtime.Start(ctx, supervision.Launch{
		Socket: socket, HomeDir: a.config.HomeDir, Slots: a.config.Slots, Limits: a.config.Limits,
	}, a.root.fail)
	if err == nil {
		err = a.warmUp(ctx, abandoned)
	}
	if err == nil {
		err = ready(a.root.hello.Version)
	}
	if err == nil {
		err = a.untilEnd(ctx, server, abandoned)
	}
	return errors.Join(err, a.stop(server, runtimes))
}

// accept takes the runtime's connections until the listener is closed.
func (a *Agent) accept(runtimes net.Listener) {
	for {
		conn, err := runtimes.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			a.wait.Go(func() { a.root.serve(netio.Conn(conn)) })
		}
	}
}

// warmUp waits for the runtime and for its first slot, which idles until the worker is a
// function's.
func (a *Agent) warmUp(ctx context.Context, abandoned <-chan struct{}) error {
	late := time.NewTimer(a.config.Timeouts.Start)
	defer late.Stop()
	await := func(what, never <-chan struct{}) error {
		select {
		case <-what:
			return nil
		case <-never:
			return errors.New("the runtime's first slot ended at once")
		case <-a.root.lost:
			return a.root.why
		case <-late.C:
			return fmt.Errorf("the runtime was not warm within %s", a.config.Timeouts.Start)
		case <-ctx.Done():
			return errors.New("ended before the runtime was warm")
		case <-abandoned:
			return errors.New("abandoned before the runtime was warm")
		}
	}
	if err := await(a.root.greeted, nil); err != nil {
		return err
	}
	first, err := a.root.start(0)
	if err != nil {
		return err
	}
	if err := await(first.connected, first.ended); err != nil {
		if words := first.log.take(); words != "" {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(words))
		}
		first.close()
		return err
	}
	a.worker.becomeWarm(first, a.runtime.Footprint(), a.root.hello.Environment)
	return nil
}

// untilEnd waits for a reason to stop, and for the calls under way if the reason leaves time for
// that.
func (a *Agent) untilEnd(ctx context.Context, server *front, abandoned <-chan struct{}) error {
	select {
	case <-a.root.lost:
		return a.root.why
	case <-abandoned:
		return nil
	case <-ctx.Done():
	}
	a.worker.refuse()
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.Timeouts.Drain)
	defer cancel()
	a.wait.Go(func() {
		select {
		case <-abandoned:
		case <-a.root.lost:
		case <-timeout.Done():
		}
		cancel()
	})
	if err := server.shutdown(timeout); err != nil {
		a.log.Warn("calls were still running at the end", "error", err)
	}
	return nil
}

// answerTimeout bounds how long the calls that the end of everything has ended may take to be
// answered.
const answerTimeout = 2 * time.Second

// stop ends the runtime, answers the calls whose end that was, and waits for all goroutines.
func (a *Agent) stop(server *front, runtimes net.Listener) error {
	a.root.fail(errors.New("the worker is ending"))
	err := a.runtime.End()
	timeout, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	_ = server.shutdown(timeout)
	_ = server.close()
	runtimes.Close()
	for s := a.worker.another(); s != nil; s = a.worker.another() {
		s.close()
	}
	a.wait.Wait()
	return err
}

// listen opens "unix:/path" or "tcp:host:port".
func listen(ctx context.Context, where string) (net.Listener, error) {
	network, address, _ := strings.Cut(where, ":")
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return netio.Listener(l), nil
}

func address(l net.Listener) string { return l.Addr().Network() + ":" + l.Addr().String() }
