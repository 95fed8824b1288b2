package faas

import "strings"

// Registry is the access to a private registry that a function's image comes from; its zero value
// is none. The password is sealed for the function and for the host of its registry.
type Registry struct {
	User   string `json:"user,omitempty"`
	Sealed string `json:"sealed,omitempty"`
}

// PinnedImage returns the reference of the one image that the function runs, wherever its tag has
// gone since; the reference as it is where no digest is known.
func (c Code) PinnedImage() string {
	if c.Digest == "" {
		return c.Image
	}
	repository, _, _ := strings.Cut(c.Image, "@")
	// A colon after the last slash begins a tag, one before it a port.
	if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
		repository = repository[:colon]
	}
	return repository + "@" + c.Digest
}

// defaultRegistry is where images come from whose references name no registry.
const defaultRegistry = "docker.io"

// RegistryHost returns the host, and the port if it is named, of the registry that a container
// image's reference names.
func RegistryHost(image string) string {
	first, _, isPath := strings.Cut(image, "/")
	if !isPath || !strings.ContainsAny(first, ".:") && first != "localhost" || first == "index."+defaultRegistry {
		return defaultRegistry
	}
	return first
}
