// Package supervisor is the program that is process 1 in the container of a pod's runtime. It does
// for the agent what an agent in another container could not: start, kill and reap the runtime's
// processes.
package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/jsonlines"
	"github.com/openstack-faas/faas/internal/proctree"
	"github.com/openstack-faas/faas/internal/supervision"
)

// Supervisor carries out the orders of a pod's agent. It has the user of the function's code and
// holds nothing that this code may not know.
type Supervisor struct {
	RunDir  string   // where the agent's socket is, or will be
	Command []string // starts the runtime's root process; the first is an absolute path
	Environ []string // of the container; the runtime gets the part of it that the image sets

	tree *proctree.Tree
	mu   sync.Mutex // for writing to conn
	conn net.Conn
}

// Run waits for the agent, which may start later, serves it until it hangs up, and ends everything.
// Once the agent is there, the end of ctx is ignored: Kubernetes asks both containers of a pod to
// end at once, and it is the agent that lets calls end first.
func (s *Supervisor) Run(ctx context.Context) error {
	if len(s.Command) == 0 || !filepath.IsAbs(s.Command[0]) {
		return errors.New("the runtime's command does not begin with an absolute path")
	}
	runtime := agentconfig.Process{Command: s.Command, Env: ofImage(s.Environ)}
	s.tree = proctree.New(runtime, cgroup.Own(), false)
	if err := proctree.Shield(); err != nil {
		return err
	}
	proctree.ReserveThreads()
	conn, err := await(ctx, filepath.Join(s.RunDir, supervision.Socket))
	if err != nil {
		return fmt.Errorf("wait for the agent: %w", err)
	}
	s.conn = conn
	served := s.serve()
	ended := s.tree.End()
	conn.Close()
	return errors.Join(served, ended)
}

// dialInterval is how long the supervisor waits before it looks again whether the agent is there.
const dialInterval = 10 * time.Millisecond

func await(ctx context.Context, path string) (net.Conn, error) {
	again := time.NewTicker(dialInterval)
	defer again.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return conn, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-again.C:
		}
	}
}

// serve carries out the agent's orders, one after the other, until it asks for the end or hangs up.
func (s *Supervisor) serve() error {
	err := s.send(supervision.Report{
		Type: supervision.ReportHello, Protocol: supervision.Version, Bounded: s.tree.Bounded(),
	})
	if err != nil {
		return err
	}
	lines := jsonlines.NewReader(s.conn, jsonlines.MaxControlLine)
	for {
		text, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil // the agent has hung up
		}
		var o supervision.Order
		if err == nil {
			err = json.Unmarshal(text, &o)
		}
		if err != nil || o.Type == supervision.OrderEnd {
			return err
		}
		done := s.obey(o)
		done.Type, done.ID = supervision.ReportDone, o.ID
		if err := s.send(done); err != nil {
			return err
		}
	}
}

func (s *Supervisor) obey(o supervision.Order) (r supervision.Report) {
	var err error
	switch o.Type {
	case supervision.OrderStart:
		err = s.start(o)
	case supervision.OrderSweep:
		err = s.tree.Sweep(o.Slot)
	case supervision.OrderFootprint:
		r.Value = s.tree.Footprint()
	case supervision.OrderOOMKills:
		var n int
		n, err = s.tree.OOMKills()
		r.Value = int64(n)
	case supervision.OrderHold:
		var held bool
		if held, err = s.tree.Hold(o.Bound); held {
			r.Value = 1
		}
	case supervision.OrderJudge:
		var held proctree.Held
		held, err = s.tree.Judge(o.Slot)
		r.Value = int64(held)
	default:
		err = fmt.Errorf("the order %q is not known", o.Type)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

func (s *Supervisor) start(o supervision.Order) error {
	if o.Launch == nil || s.tree.Root() != 0 {
		return errors.New("the order to start lacks what to launch, or came twice")
	}
	err := s.tree.Start(context.Background(), *o.Launch, func(how error) {
		// If this fails the agent is gone, and that is why the root ended.
		_ = s.send(supervision.Report{Type: supervision.ReportEnded, Error: how.Error()})
	})
	if err != nil || !s.tree.Bounded() {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PROCESS, s.tree.Root(), runtimeNice)
}

// runtimeNice is how far the runtime and all that comes of it stand behind the supervisor, which
// ends fork bombs, when both want the container's CPU. It has no effect beyond a container's own
// control group. Where there is none it would have, and is not set.
const runtimeNice = 19

func (s *Supervisor) send(r supervision.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.conn.Write(jsonlines.Encode(r)); err != nil {
		return fmt.Errorf("report to the agent: %w", err)
	}
	return nil
}

// ofImage leaves out the variables that we set for the runtime and those that Kubernetes adds to
// every container's environment.
func ofImage(environ []string) []string {
	ours := []string{"PATH", "LANG", "HOME", "TMPDIR", "HOSTNAME"}
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ours, name) || strings.HasPrefix(name, "KUBERNETES_") || strings.HasPrefix(name, "FAAS_")
	})
}
