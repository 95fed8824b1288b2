package seal

import "github.com/openstack-faas/faas/internal/faas"

// Passwords seals the passwords by which functions' images are pulled. The API seals, the engine
// opens. It is safe for concurrent use.
type Passwords struct{ sealer *Sealer }

// NewPasswords returns what seals by the service's secret, the same for every API and engine.
func NewPasswords(secret faas.Secret) (*Passwords, error) {
	sealer, err := Derive(secret, "faas registry password 1")
	if err != nil {
		return nil, err
	}
	return &Passwords{sealer}, nil
}

// Seal encrypts the password for a function and the registry of its image. It opens for these two
// alone: whoever can write to the database cannot have it sent to a registry of their own.
func (p *Passwords) Seal(functionID, image string, password faas.Secret) string {
	return p.sealer.Seal(ownerOf(functionID, image), password)
}

// Open returns the password, or an error of kind faas.Invalid that says what the function's owner
// can do.
func (p *Passwords) Open(functionID, image, sealed string) (faas.Secret, error) {
	password, err := p.sealer.Open(ownerOf(functionID, image), sealed)
	if err != nil {
		return "", faas.Errorf(faas.Invalid,
			"The password for the registry of function %s cannot be read any more; update the function with "+
				"code.registry_username and code.registry_password.", functionID).WithCause(err)
	}
	return password, nil
}

func ownerOf(functionID, image string) string { return functionID + " " + faas.RegistryHost(image) }
