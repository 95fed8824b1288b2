package dispatch

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestAnswersAreBounded(t *testing.T) {
	client := NewClient(func(string) string { return testToken })
	defer client.Close()
	client.Bound(faas.ProcessLimits{Result: 1 << 10, Log: 1 << 10})
	most := int(maxAnswer(callPath, faas.ProcessLimits{Result: 1 << 10, Log: 1 << 10}))
	for name, test := range map[string]struct {
		body string
		good bool
	}{
		"as large as may be": {`{"status":"success","output":` + strings.Repeat(" ", most-1000) + `1}`, true},
		"larger":             {`{"status":"success","output":` + strings.Repeat(" ", most) + `1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, faas.Key{}, func(w http.ResponseWriter, _ faas.Call) { _, _ = io.WriteString(w, test.body) })
			for range 2 { // on one connection, if it is good
				if out, err := client.Call(t.Context(), a.worker, faas.Call{}); (err == nil) != test.good {
					t.Errorf("got %+v, %v", out, err)
				}
			}
			if idle := len(client.conns.idle[a.worker.Address]); (idle > 0) != test.good {
				t.Errorf("%d connections are kept", idle)
			}
		})
	}
}

func TestEndlessAnswerToSmallRequest(t *testing.T) {
	client := NewClient(func(string) string { return testToken })
	defer client.Close()
	a := newAgent(t, faas.Key{}, func(w http.ResponseWriter, _ faas.Call) {
		w.WriteHeader(http.StatusOK)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat(" ", 4096))
		}
	})
	a.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { a.answer(w, faas.Call{}) })
	if _, err := client.Status(t.Context(), a.worker); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("got %v", err)
	}
}
