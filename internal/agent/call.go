package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonlines"
)

// callTimes are when the parts of a call must have ended. The call's own timeout begins when the
// function's code gets the input: a process that starts late, because the machine is busy, does not
// cost the function its time. Code that takes long to load does: beyond the load timeout it uses up
// the call's.
type callTimes struct {
	timeout time.Duration // of the call
	loaded  time.Time     // until then a process must have started and loaded the function
	last    time.Time     // until then all must have ended
}

func timesOf(begun time.Time, timeout, load time.Duration) callTimes {
	return callTimes{timeout: timeout, loaded: begun.Add(max(timeout, load)), last: begun.Add(timeout + load)}
}

// end returns when a call must end whose input the code gets now.
func (t callTimes) end(now time.Time) time.Time {
	if end := now.Add(t.timeout); end.Before(t.last) {
		return end
	}
	return t.last
}

// call runs a call to its end, or refuses it before anything of it has begun.
func (a *Agent) call(c faas.Call) (out faas.Outcome, refused string) {
	idle, refused := a.worker.acquire(c.Key)
	if refused != "" {
		return out, refused
	}
	begun := a.now()
	times := timesOf(begun, c.Timeout, a.config.Timeouts.Load)
	s, out, err := a.slotFor(idle, times)
	if err != nil {
		a.log.Error("a call could not get a process", "error", err)
		a.worker.release(nil)
		return out, faas.RefusedDraining
	}
	ready := begun
	if s != nil {
		s, out = a.runIn(s, c, times, &ready)
	}
	out.Duration = a.now().Sub(begun)
	if c.Trace != "" {
		out.Ready = ready.Sub(begun)
	}
	a.worker.release(s)
	return out, ""
}

// runIn returns how the call ended, and the slot, nil when it does not live on. It sets ready when
// the function has its input.
func (a *Agent) runIn(s *slot, c faas.Call, times callTimes, ready *time.Time) (*slot, faas.Outcome) {
	var message []byte
	if s.called {
		s.late.between(s.log.take(), c.ExecutionID)
	}
	if !s.loaded {
		message = a.loadLine(s, a.worker.specialisation())
	}
	s.called = true
	if s.loading {
		_ = s.conn.SetDeadline(times.loaded)
	} else {
		_ = s.conn.SetDeadline(times.end(a.now()))
	}
	a.calls.begin(c.ExecutionID, s)
	defer a.calls.end(c.ExecutionID, s)
	s.late.begin(c.ExecutionID) // before the slot can name it
	_, err := s.conn.Write(appendCall(message, c))
	s.tellOf(c.ExecutionID) // after the call's line: what is sent to it comes behind
	if err == nil && s.loading {
		err = a.awaitLoaded(s, times)
	}
	*ready = a.now()
	var answer []byte
	if err == nil {
		answer, err = s.lines.Next()
	}
	if err != nil {
		return nil, a.interrupted(s, err)
	}
	return a.answered(s, answer)
}

// awaitLoaded waits until the slot has loaded the function. From then on the call's own time runs.
func (a *Agent) awaitLoaded(s *slot, times callTimes) error {
	line, err := s.lines.Next()
	if err != nil {
		return err
	}
	if err := decodeLoaded(line); err != nil {
		return errors.Join(errProtocol, err)
	}
	s.loading = false
	return s.setDeadline(times.end(a.now()))
}

var errProtocol = errors.New("the slot broke the protocol")

// answered turns a slot's line into the outcome.
func (a *Agent) answered(s *slot, answer []byte) (*slot, faas.Outcome) {
	deep := faas.NestedDeeper(answer, maxResultDepth+1) // the message is one level around the result
	r, err := decodeResult(answer)
	s.lines.Release()
	if deep {
		return nil, failure(tooDeep(), a.end(s))
	}
	if err != nil {
		return nil, a.interrupted(s, errProtocol)
	}
	if a.memory.overran(s.pid) {
		return nil, failure(faas.OutputResources, a.end(s))
	}
	out := faas.Outcome{Status: r.Status, Output: r.Output, Error: r.Error, Log: s.log.take()}
	switch {
	case r.Resources:
		out.Status, out.Output = faas.ExecutionFailed, text(faas.OutputResources)
	case int64(len(r.Output)) > a.config.Limits.Result:
		out.Status, out.Error, out.Output = faas.ExecutionFailed, nil, text(a.tooLarge())
	}
	if r.Last {
		a.discard(s)
		return nil, out
	}
	return s, out
}

// interrupted returns the outcome of a call that the slot did not answer. The slot is gone when it
// returns.
func (a *Agent) interrupted(s *slot, err error) faas.Outcome {
	switch {
	case s.cancelled.Load():
		return cancelled(a.end(s))
	case errors.Is(err, errProtocol):
		return failure(
			"The function's process sent the worker something other than a result. Only the runtime may write to its "+
				"connection to the worker.",
			a.end(s),
		)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failure(faas.OutputTimeout, a.end(s))
	case errors.Is(err, jsonlines.ErrTooLong):
		return failure(a.tooLarge(), a.end(s))
	}
	if !a.awaitEnd(s, ownEndTimeout) {
		return failure("The function's process closed its connection to the worker, which it must leave open.", a.end(s))
	}
	log := a.end(s)
	if a.memory.ranOut(s.end, log, a.root.hello.MemoryMarks) {
		return failure(faas.OutputResources, log)
	}
	return failure(s.end.String(), log)
}

func (a *Agent) tooLarge() string {
	return fmt.Sprintf("The result is too large: at most %d bytes of JSON are allowed.", a.config.Limits.Result)
}

// ownEndTimeout bounds how long the end of a slot that has closed its connection may take to be
// reported. After that the slot is taken for one that lives on without its connection.
const ownEndTimeout = 500 * time.Millisecond

// slotFor returns the idle slot, if it still lives, another idle one or a new one; or the outcome
// of a call that gets none. An error means that the worker is over and nothing of the call has
// begun.
func (a *Agent) slotFor(idle *slot, times callTimes) (*slot, faas.Outcome, error) {
	for s := idle; s != nil; s = a.worker.another() {
		if s.quiet() {
			return s, faas.Outcome{}, nil
		}
		a.discard(s)
	}
	s, err := a.root.start(a.worker.specialisation().MemorySize)
	if err != nil {
		a.root.fail(err) // if that is not why
		return nil, faas.Outcome{}, err
	}
	late := time.NewTimer(times.loaded.Sub(a.now()))
	defer late.Stop()
	select {
	case <-s.connected:
		return s, faas.Outcome{}, nil
	case <-s.ended:
		return nil, a.interrupted(s, errNeverConnected), nil
	case <-late.C:
		return nil, failure(faas.OutputTimeout, a.end(s)), nil
	}
}

var errNeverConnected = errors.New("the slot ended before it connected")

// loadLine returns what a slot is sent before its first call, and notes in the slot that it is
// sent.
func (a *Agent) loadLine(s *slot, owner faas.Specialisation) []byte {
	s.loaded, s.loading = true, a.root.hello.ReportsLoad
	return jsonlines.Encode(load{
		Type: "load", Code: a.config.CodeDir, Entry: owner.Entry, ResultLimit: a.config.Limits.Result,
		Memory: owner.MemorySize, MemoryBounded: a.runtime.Bounded(), Report: s.loading,
		Environment: owner.Environment,
	})
}

// end kills what is left of a slot and returns what it had printed. A runtime in which that fails
// is given up, and the worker with it.
func (a *Agent) end(s *slot) (log string) {
	a.sweep(s) // first: the root may not get to it while the slot forks and forks
	a.root.kill(s)
	if !a.awaitEnd(s, a.config.Timeouts.Kill) {
		a.root.fail(fmt.Errorf("the runtime did not end a slot within %s", a.config.Timeouts.Kill))
	}
	log = s.log.take()
	s.late.finish()
	s.close()
	return log
}

// sweep ends the slot and what it has started or left behind, unless everything is being ended
// anyway. The slot's process id is its own word: one that lies about it ends another slot of the
// same function, if anything.
func (a *Agent) sweep(s *slot) {
	pid := 0
	select {
	case <-a.root.lost:
		return
	case <-s.ended: // and its number may have become another's
	case <-s.connected:
		pid = s.pid
	default: // there is none, or it has not begun to be one
	}
	if err := a.runtime.Sweep(pid); err != nil {
		a.root.fail(fmt.Errorf("what a slot has started could not be ended: %w", err))
	}
}

// discard ends a slot of which nothing more is wanted, without keeping anybody waiting.
func (a *Agent) discard(s *slot) {
	a.wait.Go(func() {
		s.late.between(a.end(s), "")
	})
}

func (a *Agent) awaitEnd(s *slot, timeout time.Duration) bool {
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-s.ended:
		return true
	case <-late.C:
		return false
	}
}

func failure(message, log string) faas.Outcome {
	return faas.Outcome{Status: faas.ExecutionFailed, Output: text(message), Log: log}
}

func cancelled(log string) faas.Outcome {
	return faas.Outcome{Status: faas.ExecutionCancelled, Output: text(faas.OutputCancelled), Log: log}
}

// text returns a message as JSON.
func text(message string) json.RawMessage {
	if message == "" { // nearly every log is
		return json.RawMessage(`""`)
	}
	b, _ := json.Marshal(message)
	return b
}
