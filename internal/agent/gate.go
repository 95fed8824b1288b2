package agent

import (
	"crypto/subtle"
	"crypto/tls"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/workertls"
)

// gate decides whose requests are served: those that bear the worker's token. Some agents are
// configured with the token; those that are configured with the service's public key find it out.
type gate interface {
	admits(token string) bool
}

// knownToken compares in a time that does not depend on where the texts differ.
type knownToken string

func (t knownToken) admits(token string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(t)) == 1
}

// maxChecks bounds how many signatures are checked in a second. Each costs some 50 µs, so strangers
// get half a percent of a core; what comes beyond that is refused unseen.
const maxChecks = 100

// signedToken checks signatures until it has met the worker's token. There is one such token only,
// so from then on it compares.
type signedToken struct {
	checker faas.TokenChecker
	now     func() time.Time

	mu      sync.Mutex // one check at a time
	good    knownToken // empty until it was met
	second  time.Time  // when the present second began
	checked int        // within it
}

func (t *signedToken) admits(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.good != "" {
		return t.good.admits(token)
	}
	if !t.mayCheck() || !t.checker.Valid(token) {
		return false
	}
	t.good = knownToken(token)
	return true
}

// proven reports whether one of ours is at the other end of the TLS session, by its Authorization.
func (t *signedToken) proven(session tls.ConnectionState, authorization string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mayCheck() && workertls.Proven(t.checker, session, authorization)
}

// mayCheck reports whether another signature may be checked in this second. The lock is held.
func (t *signedToken) mayCheck() bool {
	if now := t.now(); now.Sub(t.second) >= time.Second {
		t.second, t.checked = now, 0
	}
	if t.checked == maxChecks {
		return false
	}
	t.checked++
	return true
}
