package api

import (
	"context"
	"strings"

	"github.com/distribution/reference"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/registry"
	"github.com/openstack-faas/faas/internal/seal"
)

// imageSources are the places from which images of functions may come.
type imageSources struct {
	enabled bool     // the orchestrator runs functions of images
	from    []string // registries, or registry/repository prefixes

	registries *registry.Client
	passwords  *seal.Passwords // nil: the deployment keeps none
}

// pinned returns the code of the image that the name stands for now, as whoever is to pull it sees
// it. before is the function so far: its project, and the user of a registry that it has.
func (s imageSources) pinned(ctx context.Context, before faas.Function, code *askedCode) (faas.Code, error) {
	if err := s.allow(code.Image); err != nil {
		return faas.Code{}, err
	}
	who, err := s.credentials(before, code)
	if err != nil {
		return faas.Code{}, err
	}
	pinned := code.ofImage()
	pinned.Digest, err = s.registries.Digest(
		ctx, registry.Lookup{ProjectID: before.ProjectID, Image: code.Image, Credentials: who},
	)
	return pinned, err
}

// credentials returns as whom the image is pulled: as the request says, or else as before where the
// image is of the same registry. A password is never taken along to another one.
func (s imageSources) credentials(before faas.Function, code *askedCode) (who registry.Credentials, err error) {
	if code.User != nil {
		if *code.User != "" && s.passwords == nil {
			return who, faas.Errorf(faas.Invalid, "This deployment keeps no passwords of registries; use a public image.")
		}
		return registry.Credentials{User: *code.User, Password: *code.Password}, nil
	}
	kept := s.accessAfter(before, code)
	if kept.User == "" {
		return who, nil
	}
	if s.passwords == nil {
		return who, faas.Errorf(faas.Invalid, "This deployment keeps no passwords of registries; use a public image.")
	}
	password, err := s.passwords.Open(before.ID, before.Code.Image, kept.Sealed)
	return registry.Credentials{User: kept.User, Password: password}, err
}

// accessAfter returns the user that the function pulls its image as from now on, with the password
// sealed.
func (s imageSources) accessAfter(before faas.Function, code *askedCode) faas.Registry {
	switch {
	case code.User != nil && *code.User == "":
		return faas.Registry{}
	case code.User != nil:
		return faas.Registry{User: *code.User, Sealed: s.passwords.Seal(before.ID, code.Image, *code.Password)}
	case faas.RegistryHost(before.Code.Image) == faas.RegistryHost(code.Image):
		return before.Registry
	}
	return faas.Registry{}
}

// allow refuses an image that does not come from where functions' images may come from.
// Nodes pull whatever they are told, from wherever it names: from addresses too that functions do
// not reach themselves.
func (s imageSources) allow(image string) error {
	if len(s.from) == 0 {
		return faas.Errorf(
			faas.Invalid,
			"This deployment does not allow container images of any registry; upload a package instead.",
		)
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return faas.Errorf(faas.Invalid, "code.image must be the reference of a container image; it is %q.", request.Short(image))
	}
	for _, from := range s.from {
		from = strings.TrimRight(from, "/")
		if named.Name() == from || strings.HasPrefix(named.Name(), from+"/") {
			return nil
		}
	}
	return faas.Errorf(
		faas.Invalid, "code.image %q comes from %s; this deployment allows images from %s only.", request.Short(
			image,
		), request.Short(named.Name()),
		strings.Join(s.from, " or "),
	)
}
