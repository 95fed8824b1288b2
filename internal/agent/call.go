package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// call runs a call to its end, or refuses it before anything of it has begun.
func (a *Agent) call(c faas.Call) (out faas.Outcome, refused string) {
	idle, refused := a.worker.acquire(c.Key)
	if refused != "" {
		return out, refused
	}
	begun := a.now()
	s, out := a.run(idle, c, begun.Add(c.Timeout))
	out.Duration = a.now().Sub(begun)
	a.worker.release(s)
	return out, ""
}

// run gives how the call ended and the slot, nil when it does not live on. Loading the function counts as the call's time.
func (a *Agent) run(idle *slot, c faas.Call, deadline time.Time) (*slot, faas.Outcome) {
	s, failed := a.slotFor(idle, deadline)
	if s == nil {
		return nil, failed
	}
	var message []byte
	if s.called {
		s.log.skip()
	}
	if !s.loaded {
		message = a.loadLine(a.worker.specialisation())
	}
	s.loaded, s.called = true, true
	_ = s.conn.SetDeadline(deadline)
	_, err := s.conn.Write(appendCall(message, c))
	var answer []byte
	if err == nil {
		answer, err = s.lines.next()
	}
	if err != nil {
		return nil, a.interrupted(s, err)
	}
	return a.answered(s, answer)
}

// answered turns a slot's line into the outcome.
func (a *Agent) answered(s *slot, answer []byte) (*slot, faas.Outcome) {
	r, err := decodeResult(answer)
	s.lines.release()
	if err != nil {
		log := a.end(s)
		return nil, failure("The function's process broke the protocol between it and the worker.", log)
	}
	out := faas.Outcome{Status: r.Status, Output: r.Output, Log: s.log.take()}
	switch {
	case r.Resources:
		out.Output = text(faas.OutputResources)
	case int64(len(r.Output)) > a.config.Limits.Result:
		out.Status, out.Output = faas.ExecutionFailed, text(a.tooLarge())
	}
	if r.Last {
		a.discard(s)
		return nil, out
	}
	return s, out
}

// interrupted gives the outcome of a call that the slot did not answer. The slot is gone when it returns.
func (a *Agent) interrupted(s *slot, err error) faas.Outcome {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return failure(faas.OutputTimeout, a.end(s))
	case errors.Is(err, errLineTooLong):
		return failure(a.tooLarge(), a.end(s))
	}
	if !a.awaitEnd(s, ownEndPatience) {
		return failure("The function's process closed its connection to the worker.", a.end(s))
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

// ownEndPatience bounds how long a slot that has closed its connection may take to be told as ended before it is taken for one
// that lives on without it.
const ownEndPatience = 500 * time.Millisecond

// slotFor gives the idle slot, if it still lives, another idle one or a new one; or the outcome of a call that gets none.
func (a *Agent) slotFor(idle *slot, deadline time.Time) (*slot, faas.Outcome) {
	for s := idle; s != nil; s = a.worker.another() {
		if s.quiet() {
			return s, faas.Outcome{}
		}
		a.discard(s)
	}
	s, err := a.root.start(a.worker.specialisation().MemorySize)
	if err != nil {
		a.log.Error("no slot for a call", "error", err)
		return nil, failure(ending{lost: true}.String(), "")
	}
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	select {
	case <-s.connected:
		return s, faas.Outcome{}
	case <-s.ended:
		return nil, a.interrupted(s, errNeverConnected)
	case <-late.C:
		return nil, failure(faas.OutputTimeout, a.end(s))
	}
}

var errNeverConnected = errors.New("the slot ended before it connected")

// loadLine is what a slot is told before its first call.
func (a *Agent) loadLine(owner faas.Specialisation) []byte {
	return line(load{
		Type: "load", Code: a.config.CodeDir, Entry: owner.Entry, ResultLimit: a.config.Limits.Result,
		Memory: owner.MemorySize, MemoryBounded: a.place.bounded(),
	})
}

// end kills what is left of a slot and gives what it had printed. A runtime in which that cannot be had is given up, and the worker
// with it.
func (a *Agent) end(s *slot) (log string) {
	a.root.kill(s)
	if !a.awaitEnd(s, a.config.Waits.Kill) {
		a.root.fail(fmt.Errorf("the runtime did not end a slot within %s", a.config.Waits.Kill))
	}
	if err := a.place.sweep(); err != nil {
		a.root.fail(fmt.Errorf("what a slot left behind could not be ended: %w", err))
	}
	log = s.log.take()
	s.close()
	return log
}

// discard ends a slot of which nothing more is wanted, without keeping anybody waiting.
func (a *Agent) discard(s *slot) {
	a.wait.Go(func() { a.end(s) })
}

func (a *Agent) awaitEnd(s *slot, patience time.Duration) bool {
	late := time.NewTimer(patience)
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

// text gives a message as JSON.
func text(message string) json.RawMessage {
	b, _ := json.Marshal(message)
	return b
}
