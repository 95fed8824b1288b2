package agent

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

	"github.com/openstack-faas/faas/internal/cgroup"
)

// Supervisor is the agent's hand in the container of a runtime: process 1 there, where an agent in another container could neither
// start nor kill nor reap anything. It has the user of the function's code and holds nothing that this may not know.
type Supervisor struct {
	RunDir  string   // where the agent's socket is, or will be
	Command []string // starts the runtime's root process; the first is an absolute path
	Environ []string // of the container, of which the runtime gets what is the image's

	place *children
	mu    sync.Mutex // for writing to conn
	conn  net.Conn
}

// Run waits for the agent, which may come later, serves it until it hangs up, and ends everything. From when the agent is there,
// the end of ctx means nothing: Kubernetes asks both containers of a pod to end at once, and it is the agent that lets calls end first.
func (s *Supervisor) Run(ctx context.Context) error {
	if len(s.Command) == 0 || !filepath.IsAbs(s.Command[0]) {
		return errors.New("the runtime's command does not begin with an absolute path")
	}
	s.place = newChildren(Process{Command: s.Command, Env: ofImage(s.Environ)}, cgroup.Own(), false)
	if err := shield(); err != nil {
		return err
	}
	reserveThreads()
	conn, err := await(ctx, filepath.Join(s.RunDir, supervisorSocket))
	if err != nil {
		return fmt.Errorf("wait for the agent: %w", err)
	}
	s.conn = conn
	served := s.serve()
	ended := s.place.end()
	conn.Close()
	return errors.Join(served, ended)
}

// dialPause is how long the supervisor waits before it looks again whether the agent is there.
const dialPause = 10 * time.Millisecond

func await(ctx context.Context, path string) (net.Conn, error) {
	again := time.NewTicker(dialPause)
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
	if err := s.say(report{Type: reportHello, Protocol: supervisionVersion, Bounded: s.place.bounded()}); err != nil {
		return err
	}
	lines := newLineReader(s.conn, maxControlLine)
	for {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil // the agent has gone its way
		}
		var o order
		if err == nil {
			err = json.Unmarshal(text, &o)
		}
		if err != nil || o.Type == orderEnd {
			return err
		}
		done := s.obey(o)
		done.Type, done.ID = reportDone, o.ID
		if err := s.say(done); err != nil {
			return err
		}
	}
}

func (s *Supervisor) obey(o order) (r report) {
	var err error
	switch o.Type {
	case orderStart:
		err = s.start(o)
	case orderSweep:
		err = s.place.sweep(o.Slot)
	case orderFootprint:
		r.Value = s.place.footprint()
	case orderKills:
		var n int
		n, err = s.place.oomKills()
		r.Value = int64(n)
	default:
		err = fmt.Errorf("the order %q is not known", o.Type)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

func (s *Supervisor) start(o order) error {
	if o.Launch == nil || s.place.root != 0 {
		return errors.New("the order to start says nothing, or came twice")
	}
	err := s.place.start(context.Background(), *o.Launch, func(how error) {
		_ = s.say(report{Type: reportEnded, Error: how.Error()}) // or the agent is gone, and that is why it ended
	})
	if err != nil || !s.place.bounded() {
		return err
	}
	return syscall.Setpriority(syscall.PRIO_PROCESS, s.place.root, runtimeNice)
}

// runtimeNice is how far the runtime and all that comes of it stand behind the supervisor, who ends fork bombs, when both want the
// container's cpu. Beyond a container's own control group it means nothing; where there is none it would, and is not set.
const runtimeNice = 19

func (s *Supervisor) say(r report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.conn.Write(line(r)); err != nil {
		return fmt.Errorf("tell the agent: %w", err)
	}
	return nil
}

// ofImage leaves out what the runtime is told by us and what Kubernetes adds to every container's environment.
func ofImage(environ []string) []string {
	ours := []string{"PATH", "LANG", "HOME", "TMPDIR", "HOSTNAME"}
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ours, name) || strings.HasPrefix(name, "KUBERNETES_") || strings.HasPrefix(name, "FAAS_")
	})
}
