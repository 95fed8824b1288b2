package tunnel

import "errors"

// Leg says how a tunnel goes on from the gateway to the worker. A request for a tunnel has it in
// LegHeader, and so has the answer of a gateway that does as it is told: one of the release before,
// or one that has no WorkersFile, knows LegPlain alone.
type Leg string

// The ways from a gateway to a worker.
const (
	// LegPlain is without TLS.
	LegPlain Leg = ""
	// LegChecked is by TLS, and the gateway makes sure by the worker's certificate who is at its
	// other end. What the tunnel carries is HTTP, as in LegPlain.
	LegChecked Leg = "checked"
	// LegPassed has the gateway pass bytes on as they are, for PassedTime at most: of the TLS that
	// an engine speaks with a worker which has no certificate yet.
	LegPassed Leg = "passed"
)

// LegHeader is the header of the request for a tunnel, and of its answer, that says which Leg.
const LegHeader = "Faas-Worker-Tls"

// ErrLeg says that a gateway knows LegPlain alone.
var ErrLeg = errors.New("it speaks no TLS with workers: it is of an older release, or has no " + WorkersFile + " yet")

// RefusedStranger is a gateway's answer, with status 502, to a request for a tunnel by LegChecked:
// who answers there has no certificate of the worker's.
const RefusedStranger = "stranger"

// StrangerError is a gateway's word that who answers at the worker's address has not shown that it
// is the worker. It may be one that was not given its certificate yet.
type StrangerError struct{ Message string }

// Error returns the gateway's words.
func (e *StrangerError) Error() string { return "the gateway says: " + e.Message }
