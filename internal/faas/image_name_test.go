package faas

import "testing"

func TestImageNames(t *testing.T) {
	for image, want := range map[string]struct{ host, pinned string }{
		"a":                           {"docker.io", "a@sha256:1"},
		"a:1":                         {"docker.io", "a@sha256:1"},
		"mine/a:1":                    {"docker.io", "mine/a@sha256:1"},
		"index.docker.io/mine/a":      {"docker.io", "index.docker.io/mine/a@sha256:1"},
		"host:5000/a":                 {"host:5000", "host:5000/a@sha256:1"},
		"host:5000/a/b:1.2":           {"host:5000", "host:5000/a/b@sha256:1"},
		"localhost/a":                 {"localhost", "localhost/a@sha256:1"},
		"example.org/a:1@sha256:0123": {"example.org", "example.org/a@sha256:1"},
		"example.org/a@sha256:0123":   {"example.org", "example.org/a@sha256:1"},
	} {
		if got := RegistryHost(image); got != want.host {
			t.Errorf("%s is of %s, want %s", image, got, want.host)
		}
		if got := (Code{Image: image, Digest: "sha256:1"}).PinnedImage(); got != want.pinned {
			t.Errorf("%s is run as %s, want %s", image, got, want.pinned)
		}
		if got := (Code{Image: image}).PinnedImage(); got != image {
			t.Errorf("%s without a digest is run as %s", image, got)
		}
	}
}
