package agent

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonlines"
)

// underway are the slots that run a call, by its execution. Its zero value is ready to use.
type underway struct {
	mu    sync.Mutex
	slots map[string]*slot
}

// begin says that the slot runs a call, whose line was sent.
func (u *underway) begin(executionID string, s *slot) {
	s.telling.Lock()
	s.execution = executionID
	s.telling.Unlock()
	s.late.begin(executionID)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.slots == nil {
		u.slots = map[string]*slot{}
	}
	u.slots[executionID] = s
}

// end says that the call is over. What is being sent to it is waited for, so that it reaches no
// other.
func (u *underway) end(s *slot) {
	s.telling.Lock()
	executionID := s.execution
	s.execution = ""
	s.telling.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.slots, executionID)
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
