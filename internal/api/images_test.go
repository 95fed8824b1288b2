package api

import (
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestAllowedImages(t *testing.T) {
	from := []string{"docker.io/mine", "registry.example.org:5000", "quay.io/a/b/"}
	for image, allowed := range map[string]bool{
		// which is library/mine
		"mine/x": true, "docker.io/mine/x:1": true, "index.docker.io/mine/x": true, "docker.io/mine": false,
		"mine-too/x": false, "library/mine": false, "evil.example.org/docker.io/mine/x": false, "docker.io/other/x": false,
		"registry.example.org:5000/any/thing@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef": true,
		"registry.example.org/any": false, "registry.example.org:5000.evil.org/any": false, "registry.example.org:50001/any": false,
		"quay.io/a/b": true, "quay.io/a/b/c": true, "quay.io/a/bc": false, "QUAY.io/a/b": false,
		"10.0.0.1:10250/x": false, "127.0.0.1/mine/x": false, "localhost/mine/x": false,
		"docker.io//:@": false, "docker.io/mine/../other/x": false, "": false, "http://docker.io/mine/x": false, "docker.io/mine/x y": false,
	} {
		s := imageSources{from: from}
		if err := s.allow(image); (err == nil) != allowed || err != nil && faas.KindOf(err) != faas.Invalid {
			t.Errorf("%q: %v, want allowed %v", image, err, allowed)
		}
	}
	if err := (imageSources{}).allow("docker.io/mine/x"); faas.KindOf(err) != faas.Invalid {
		t.Errorf("without a list: %v", err)
	}
}

// TestPasswordsStayWithTheirRegistry changes images by requests that say nothing of a user.
func TestPasswordsStayWithTheirRegistry(t *testing.T) {
	bob := faas.Registry{User: "bob", Sealed: "sealed"}
	before := faas.Function{Code: faas.Code{Image: "registry.example.org/a:1"}, Registry: bob}
	for image, want := range map[string]faas.Registry{
		"registry.example.org/b:2": bob, "registry.example.org:5000/a:1": {}, "a:1": {}, "evil.example.org/registry.example.org/a:1": {},
	} {
		if got := (imageSources{}).accessAfter(before, &askedCode{Image: image}); got != want {
			t.Errorf("%s: pulled as %+v, want %+v", image, got, want)
		}
	}
}
