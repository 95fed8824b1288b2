package seal

import (
	"encoding/base64"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// Variables seals the secrets that functions find in their environment. The API seals, the engine
// opens. It is safe for concurrent use.
type Variables struct{ sealer *Sealer }

// NewVariables returns what seals by the service's secret, the same for every API and engine.
func NewVariables(secret faas.Secret) (*Variables, error) {
	sealer, err := Derive(secret, "faas function variable 1")
	if err != nil {
		return nil, err
	}
	return &Variables{sealer}, nil
}

// Seal encrypts a secret for a function and a name. It opens for these two alone: whoever can write
// to the database cannot have another function print it.
func (v *Variables) Seal(functionID, name string, value faas.Secret) string {
	return v.sealer.Seal(variableOf(functionID, name), value)
}

// Environment returns what a worker of the target is given: its environment, and its secrets
// opened. An error is of kind faas.Invalid and says what the function's owner can do. A nil
// Variables opens none.
func (v *Variables) Environment(target faas.Target) (faas.Environment, error) {
	values, sealed := faas.Environment(target.Environment.Map()), target.Secrets.Map()
	for _, name := range target.Secrets.Names() {
		if v == nil {
			return nil, faas.Errorf(faas.Invalid, "This deployment keeps no secrets of functions; remove those of function %s.",
				target.Key.FunctionID)
		}
		value, err := v.sealer.Open(variableOf(target.Key.FunctionID, name), sealed[name])
		if err != nil {
			return nil, unreadable(target.Key, name, err)
		}
		values[name] = value.Reveal()
	}
	return values, nil
}

// unreadable says of what a secret cannot be opened. A version keeps what it was frozen with, so
// that only another version helps there.
func unreadable(key faas.Key, name string, cause error) error {
	whose := fmt.Sprintf("function %s", key.FunctionID)
	remedy := "set the function's secrets anew."
	if key.Version != 0 {
		whose = fmt.Sprintf("version %d of function %s", key.Version, key.FunctionID)
		remedy = "set the function's secrets anew and make another version."
	}
	return faas.Errorf(faas.Invalid,
		"The secret %s of %s cannot be read any more, since the service's own secret was changed; %s",
		name, whose, remedy).WithCause(cause)
}

// Size returns how many bytes the secret has that was sealed.
func (v *Variables) Size(sealed string) int {
	return max(base64.RawStdEncoding.DecodedLen(len(sealed))-v.sealer.box.NonceSize()-v.sealer.box.Overhead(), 0)
}

func variableOf(functionID, name string) string { return functionID + " " + name }
