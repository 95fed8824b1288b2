package agent_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// logOf asks the agent what a call has printed so far.
func (r *running) logOf(q faas.LogQuery) (status int, so faas.LogSoFar) {
	r.t.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		r.t.Fatal(err)
	}
	status, answer := r.ask("POST", "/v1/log", testToken, strings.NewReader(string(body)))
	if status == http.StatusOK {
		if err := json.Unmarshal(answer, &so); err != nil {
			r.t.Fatalf("%s: %v", answer, err)
		}
	}
	return status, so
}

// TestLogOfACallThatRuns has the agent asked for it: it is what the call has printed, the same again
// and again, and in the outcome all the same.
func TestLogOfACallThatRuns(t *testing.T) {
	const printed = "it waits\n"
	for language, function := range endless {
		t.Run(language, func(t *testing.T) {
			each(t, func(t *testing.T, begin beginner) {
				r := begin(t, language, nil).specialise(function.entry, function.code)
				ended := r.begun(faas.Call{ExecutionID: "endless"})
				r.awaitBegun("pids", ended)
				q := faas.LogQuery{ExecutionID: "endless", Most: 1 << 10}
				for range 2 {
					if status, so := r.logOf(q); status != http.StatusOK || so.Log != printed || so.Printed != int64(len(printed)) {
						t.Errorf("%d, %+v", status, so)
					}
				}
				q.Most = 4
				if _, so := r.logOf(q); !strings.HasPrefix(so.Log, "it") || !strings.Contains(so.Log, "cut out") {
					t.Errorf("of four bytes: %+v", so)
				}
				q.Seen = int64(len(printed))
				if status, so := r.logOf(q); status != http.StatusOK || so.Log != "" || so.Printed != q.Seen {
					t.Errorf("when all was seen: %d, %+v", status, so)
				}
				if status, _ := r.logOf(faas.LogQuery{ExecutionID: "another", Most: 1}); status != http.StatusConflict {
					t.Errorf("of a call that does not run: %d", status)
				}
				r.cancel("endless")
				if out := <-ended; out.Log != printed {
					t.Errorf("got %+v", out)
				}
				if status, _ := r.logOf(q); status != http.StatusConflict {
					t.Errorf("of a call that is over: %d", status)
				}
			})
		})
	}
}
