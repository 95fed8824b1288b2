package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"syscall"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
)

// workerCredential returns what a worker's processes run as; nil for the service's own user.
func (h *host) workerCredential(uid int) *syscall.Credential {
	if h.users == nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)} // no further groups
}

// launch prepares all that the worker needs and starts its agent. With an error it also returns the
// process, if there is one.
func (h *host) launch(w *worker) (*process, error) {
	var err error
	if h.users != nil {
		if w.uid, err = h.users.take(); err != nil {
			return nil, err
		}
	}
	if err := w.folder.make(w.uid); err != nil {
		return nil, err
	}
	if w.group, err = h.limits.group(w.ID); err != nil {
		return nil, fmt.Errorf("control group: %w", err)
	}
	p, err := startAgent(h.cfg.Agent, &relay{log: h.log.With("worker_id", w.ID), now: h.cfg.Now})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", h.cfg.Agent, err)
	}
	// The record is written before the agent gets its configuration: without one an agent starts
	// nothing, and ends when its pipe breaks.
	if err := h.record(w, p); err != nil {
		return p, fmt.Errorf("record the worker: %w", err)
	}
	// An agent that does not listen is ending, and says why.
	_ = json.NewEncoder(p.stdin).Encode(h.agentConfig(w))
	return p, nil
}

// startAgent starts the binary without anything of this process: no environment, no signals of the
// terminal, no open files.
func startAgent(path string, words *relay) (*process, error) {
	cmd := exec.Command(path) //nolint:noctx // live ends it, and not by a signal first
	p := &process{cmd: cmd, announced: newAnnouncement(), stderr: words, exited: make(chan struct{})}
	p.cmd.Env = []string{}
	p.cmd.Dir = "/"
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = p.announced, p.stderr
	p.cmd.WaitDelay = agentGrace // should something beneath the agent hold its outputs open
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, for which live waits
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (h *host) record(w *worker, p *process) error {
	pid := p.cmd.Process.Pid
	started, err := startTime(pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil // it has ended already, and was waited for
	}
	if err != nil {
		return err
	}
	return h.state.keep(record{ID: w.ID, PID: pid, Started: started, UID: w.uid})
}

func (h *host) agentConfig(w *worker) agentconfig.Config {
	var at *cgroup.Location
	if w.group != nil {
		location := w.group.Location()
		at = &location
	}
	return agentconfig.Config{
		WorkerID: w.ID, Token: h.Token(w.ID), Listen: w.Address,
		Slots: h.cfg.Slots, Limits: h.cfg.Processes, Cgroup: at,
		Runtime: agentconfig.Process{
			Command: w.language.argv, UID: w.uid, GID: w.uid,
			OwnUser: h.users != nil, OwnFolders: h.shared == nil && !w.language.shares,
		},
		RunDir: w.folder.run(), CodeDir: w.folder.code(), HomeDir: w.folder.home(),
		Timeouts: agentconfig.Timeouts{Start: h.cfg.StartTimeout},
	}
}

// clear removes what an ended worker has left. If that fails, the worker's record stays, so that
// the next start tries again, and its user id is not reused, so that no other worker meets a
// process of the same user.
func (h *host) clear(w *worker) {
	if err := h.endProcesses(w); err != nil {
		h.log.Error("a worker's processes do not end", "worker_id", w.ID, "error", err)
		return
	}
	if err := removeTree(w.folder.dir); err != nil {
		h.log.Error("a worker's folder cannot be removed", "worker_id", w.ID, "error", err)
		return
	}
	h.state.drop(w.ID)
	if w.uid > 0 {
		h.users.giveBack(w.uid)
	}
}

// endProcesses ends what the agent has left behind. An agent that did not crash leaves nothing.
func (h *host) endProcesses(w *worker) error {
	if w.group != nil {
		return errors.Join(w.group.Kill(), w.group.Remove())
	}
	ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
	defer cancel()
	return killLeft(ctx, w.uid, w.ID)
}
