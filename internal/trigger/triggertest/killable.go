package triggertest

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// Killable is a transport that can be killed: from then on no request leaves, and no answer
// arrives, as for a process that was killed with a request under way.
type Killable struct{ dead atomic.Bool }

var errDead = errors.New("the process is dead")

// Kill kills it.
func (k *Killable) Kill() { k.dead.Store(true) }

// RoundTrip implements http.RoundTripper.
func (k *Killable) RoundTrip(r *http.Request) (*http.Response, error) {
	if k.dead.Load() {
		return nil, errDead
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && k.dead.Load() {
		_ = answer.Body.Close()
		return nil, errDead
	}
	return answer, err
}
