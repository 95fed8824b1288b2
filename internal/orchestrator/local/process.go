package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
)

// process is a running agent. Its standard input is a pipe; when that breaks, the agent ends itself
// and the worker.
type process struct {
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	announced *announcement
	stderr    *relay
	exited    chan struct{} // closed when it was waited for
	err       error         // of waiting; read after exited
}

// stop ends the agent and everything that it started, and returns when the agent has exited. When
// its pipe is closed the agent kills and reaps what it started; the group is killed at the same
// time, so that a hostile function cannot use the time that this takes.
func (p *process) stop(group *cgroup.Group) {
	if p == nil {
		return
	}
	_ = p.stdin.Close()
	if group != nil {
		_ = group.Kill() // what it leaves is seen, and killed again, before the group is removed
	}
	grace := time.NewTimer(agentGrace)
	defer grace.Stop()
	select {
	case <-p.exited:
	case <-grace.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// failure returns why the agent ended by itself. exited must be closed: only then all its output
// has been read.
func (p *process) failure() error {
	if p.announced.err != nil {
		return p.announced.err
	}
	how := "status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("its agent ended: %s%s", how, p.said())
}

// said returns the last line of the agent's standard error as a part of a message, or "".
func (p *process) said() string {
	if words := p.stderr.lastLine(); words != "" {
		return "; it said: " + words
	}
	return ""
}

// words returns the end of what agent and runtime wrote to standard error.
func (p *process) words() string {
	if p == nil {
		return ""
	}
	return p.stderr.text()
}

// maxAnnouncement bounds the line that an agent says when it is warm, in bytes.
const maxAnnouncement = 64 << 10

// announcement is a writer for an agent's standard output, which is one line of JSON.
type announcement struct {
	line []byte
	err  error         // read after done
	done chan struct{} // closed when the line is complete
}

func newAnnouncement() *announcement { return &announcement{done: make(chan struct{})} }

// Write adds a piece of the line; what follows the line is dropped.
func (a *announcement) Write(text []byte) (int, error) {
	select {
	case <-a.done:
		return len(text), nil
	default:
	}
	a.line = append(a.line, text...)
	if end := bytes.IndexByte(a.line, '\n'); end >= 0 {
		a.err = readAnnouncement(a.line[:end])
	} else if len(a.line) > maxAnnouncement {
		a.err = errors.New("its agent said something endless")
	} else {
		return len(text), nil
	}
	close(a.done)
	return len(text), nil
}

// readAnnouncement returns an error if the line says that the worker failed, or says something
// else.
func readAnnouncement(line []byte) error {
	var said agentconfig.Announcement
	if err := json.Unmarshal(line, &said); err != nil {
		return fmt.Errorf("its agent said something else than that it is warm: %w", err)
	}
	if said.State == agentconfig.AnnouncedFailed {
		return fmt.Errorf("its agent said: %s", said.Message)
	}
	return nil
}

// relayed is how much of what a worker's agent writes to standard error is in the service's log, in
// bytes, and relayPause after how long as much may come again. A function can write there, too.
const (
	relayed    = 64 << 10
	relayPause = time.Minute
)

// relay is a writer that passes on lines to the service's log, beside keeping their end.
type relay struct {
	tail
	log *slog.Logger // knows the worker
	now func() time.Time

	rest  []byte // of a line that is not complete
	left  int    // bytes that still pass until renew
	renew time.Time
}

// Write passes on whole lines. It has one caller at a time.
func (r *relay) Write(text []byte) (int, error) {
	if now := r.now(); !now.Before(r.renew) {
		r.left, r.renew = relayed, now.Add(relayPause)
	}
	r.rest = append(r.rest, text...)
	for {
		line, rest, whole := bytes.Cut(r.rest, []byte("\n"))
		if !whole {
			break
		}
		if r.left -= len(line); r.left > 0 && len(line) > 0 {
			r.log.Warn("a worker's own log", "line", string(line))
		}
		r.rest = rest
	}
	if len(r.rest) > relayed {
		r.rest = nil
	}
	return r.tail.Write(text)
}

// tailSize is how much of an agent's standard error is kept, in bytes.
const tailSize = 4 << 10

// tail is a writer that keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write keeps the end of text.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, text...)
	if excess := len(t.kept) - tailSize; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(text), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}

func (t *tail) lastLine() string {
	text := t.text()
	return text[strings.LastIndexByte(text, '\n')+1:]
}
