package agent

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonlines"
)

// underway are the slots that run a call, by its execution. Its zero value is ready to use.
type underway struct {
	mu    sync.Mutex
	slots map[string]*slot
}

// begin says that the slot is about to run a call, whose deadline is set. From then on the call can
// be cancelled; once it was told of its execution (slot.tellOf), it can be sent something, too.
func (u *underway) begin(executionID string, s *slot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.slots == nil {
		u.slots = map[string]*slot{}
	}
	s.cancelled.Store(false)
	u.slots[executionID] = s
}

// end says that the call is over. What is being sent to it is waited for, so that it reaches no
// other.
func (u *underway) end(executionID string, s *slot) {
	s.tellOf("")
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.slots[executionID] == s {
		delete(u.slots, executionID)
	}
}

// send sends a line to the slot that runs the execution, and reports whether one does. It keeps no
// other call waiting.
func (u *underway) send(executionID string, line []byte) bool {
	u.mu.Lock()
	s := u.slots[executionID]
	u.mu.Unlock()
	if s == nil {
		return false
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.execution != executionID {
		return false
	}
	_, err := s.conn.Write(line) // till the call's deadline at most
	return err == nil
}

// logOf returns what the call of the execution has printed so far, and reports whether one runs.
func (u *underway) logOf(q faas.LogQuery) (so faas.LogSoFar, runs bool) {
	u.mu.Lock() // the slot begins no other call meanwhile
	defer u.mu.Unlock()
	s := u.slots[q.ExecutionID]
	if s == nil {
		return so, false
	}
	so.Log, so.Printed = s.log.soFar(q.Seen, min(max(q.Most, 0), maxLogSoFar))
	return so, true
}

// maxLogSoFar bounds the log of a call that runs in bytes, whoever asks.
const maxLogSoFar = 64 << 10

// serveLog answers what a call that runs has printed so far.
func serveLog(w http.ResponseWriter, r *http.Request, of func(faas.LogQuery) (faas.LogSoFar, bool)) {
	body, err := readBody(w, r)
	var q faas.LogQuery
	if err == nil {
		err = json.Unmarshal(body, &q)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	so, runs := of(q)
	if !runs {
		refuse(w, http.StatusConflict, faas.RefusedNotMine, "")
		return
	}
	answer(w, so)
}

// longPast is a deadline that interrupts whoever reads or writes.
var longPast = time.Unix(1, 0)

// cancel ends the call of the execution, as its timeout would, and reports whether there is one.
// The call's goroutine is interrupted and ends the slot.
func (u *underway) cancel(executionID string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.slots[executionID]
	if s == nil {
		return false
	}
	s.cancelled.Store(true) // before the deadline: see slot.setDeadline
	_ = s.conn.SetDeadline(longPast)
	return true
}

// tellOf says which execution's call may be sent something from now on, "" for none.
func (s *slot) tellOf(executionID string) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.execution = executionID
}

// setDeadline sets until when the slot is read from and written to. That of a call that is cancelled
// stays over: whichever of cancel and setDeadline sets its deadline last, it is the one long past.
func (s *slot) setDeadline(at time.Time) error {
	err := s.conn.SetDeadline(at)
	if s.cancelled.Load() {
		return s.conn.SetDeadline(longPast)
	}
	return err
}

// serveCancel ends a call that runs. A refusal says that there is none: it has ended, or has not
// begun yet.
func serveCancel(w http.ResponseWriter, r *http.Request, cancel func(executionID string) bool) {
	body, err := readBody(w, r)
	var c faas.Cancellation
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err == nil && c.ExecutionID == "" {
		err = errors.New("execution_id is missing")
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	if !cancel(c.ExecutionID) {
		refuse(w, http.StatusConflict, faas.RefusedNotMine, "")
		return
	}
	answer(w, struct{}{})
}

// serveCredentials passes a new context on to a call that runs. Nothing of it is logged.
func (a *Agent) serveCredentials(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	var c faas.Credentials
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil || len(c.Context) == 0 {
		refuse(w, http.StatusBadRequest, "invalid", "the body is no credentials")
		return
	}
	if !a.calls.send(c.ExecutionID, jsonlines.Encode(credentials{Type: "credentials", Context: c.Context})) {
		refuse(w, http.StatusConflict, faas.RefusedNotMine, "")
		return
	}
	answer(w, struct{}{})
}
