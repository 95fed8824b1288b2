package api

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/openstack-faas/faas/internal/faas"
)

// imageSources are the places from which images of functions may come.
type imageSources struct {
	enabled bool     // the orchestrator runs functions of images
	from    []string // registries, or registry/repository prefixes
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
		return faas.Errorf(faas.Invalid, "code.image must be the reference of a container image; it is %q.", short(image))
	}
	for _, from := range s.from {
		from = strings.TrimRight(from, "/")
		if named.Name() == from || strings.HasPrefix(named.Name(), from+"/") {
			return nil
		}
	}
	return faas.Errorf(
		faas.Invalid, "code.image %q comes from %s; this deployment allows images from %s only.", short(
			image,
		), short(named.Name()),
		strings.Join(s.from, " or "),
	)
}
