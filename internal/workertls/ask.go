package workertls

import (
	"context"
	"errors"
	"fmt"
)

// Vouch reports whether what an agent has shown is what its worker is known by to who runs it: an
// error says that it is not, ErrNoVouching that this cannot be found out.
type Vouch func(ctx context.Context, workerID, shown string) error

// ErrNoVouching says that nobody here can tell whether an agent is its worker's.
var ErrNoVouching = errors.New("it cannot be found out whether the agents of workers are who they say")

// ErrMayNotVouch is ErrNoVouching for want of a right: it will be so until somebody grants that.
var ErrMayNotVouch = fmt.Errorf("%w: a right is missing", ErrNoVouching)

// The requests by which an engine finds out that a worker is what it says.
const (
	IdentityPath    = "/v1/identity"
	CertificatePath = "/v1/certificate" // its body is the certificate, in DER
)

// Shown is the answer to the request for what the worker is known by.
type Shown struct {
	Token string `json:"token"` // of the pod's service account
}

// Header is in the answer of an agent that speaks TLS to whoever asks whether its worker can be
// used. Agents of before say nothing of it.
const Header = "Faas-Tls"
