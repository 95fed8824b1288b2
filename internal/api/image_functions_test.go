package api

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	registryserver "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

// imageRegistry is a registry in this process, whose repositories below private/ ask for bob.
type imageRegistry struct {
	*testing.T
	host  string
	inner http.Handler
}

const bobsPassword = "swordfish-1938"

func newImageRegistry(t *testing.T) *imageRegistry {
	t.Helper()
	r := &imageRegistry{T: t, inner: registryserver.New(registryserver.Logger(log.New(io.Discard, "", 0)))}
	door := func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		known := user == "bob" && password == bobsPassword
		if !known && (req.URL.Path == "/v2/" || strings.Contains(req.URL.Path, "/private/")) {
			w.Header().Set("WWW-Authenticate", `Basic realm="images"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.inner.ServeHTTP(w, req)
	}
	server := httptest.NewServer(http.HandlerFunc(door))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// push puts another image under the name, and returns its digest.
func (r *imageRegistry) push(path string) string {
	r.Helper()
	behind := httptest.NewServer(r.inner)
	defer behind.Close()
	image, err := random.Image(16, 1)
	if err != nil {
		r.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(behind.URL, "http://") + "/" + path)
	if err != nil {
		r.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		r.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		r.Fatal(err)
	}
	return digest.String()
}

// newImageService returns a service that runs images of the registry.
func newImageService(t *testing.T, r *imageRegistry) *service {
	t.Helper()
	passwords, err := seal.NewPasswords(faas.Secret(strings.Repeat("s", seal.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return newService(t, func(c *Config) {
		c.Images, c.ImagesFrom, c.PlainRegistries = true, []string{r.host + "/ours", r.host + "/private"}, []string{r.host}
		c.Passwords = passwords
	})
}

// at18 sends a request of microversion 1.8 and checks the status of its answer.
func (s *service) at18(method, path, body string, status int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, header: map[string]string{
		"OpenStack-API-Version": "function-engine 1.8",
	}})
	if got.status != status {
		s.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	return got
}

// imageCode is a request's body with the code of an image; more is further members of the code.
func imageCode(image, more string) string {
	return fmt.Sprintf(`{"code": {"source": "image", "image": %q%s}}`, image, more)
}

// target returns what a worker of the function's live code is made from.
func (s *service) target(functionID string) faas.Target {
	s.t.Helper()
	target, err := s.store.Target(s.t.Context(), faas.Key{FunctionID: functionID})
	s.must(err)
	return target
}

func digestOf(t *testing.T, got reply) (functionView, string) {
	t.Helper()
	var f functionView
	got.decode(t, &f)
	if f.Digest == nil || *f.Digest == nil {
		return f, ""
	}
	return f, **f.Digest
}

// TestImageFunctions makes functions of container images, where the deployment runs them.
func TestImageFunctions(t *testing.T) {
	r := newImageRegistry(t)
	r.push("ours/a:1")
	r.push("ours/a:2")
	s := newImageService(t, r)
	runtime := s.newRuntime()
	var f functionView
	s.do("POST", "/v1/functions", imageCode(r.host+"/ours/a:1", ""), 201).decode(t, &f)
	if f.Code.Protocol != "run" || f.Entry != nil || f.RuntimeID != nil || f.Digest != nil {
		t.Errorf("got %+v", f)
	}
	s.do("POST", "/v1/functions", imageCode(r.host+"/ours/a:1", `, "protocol": "http"`), 201).decode(t, &f)
	if f.Code.Protocol != "http" {
		t.Errorf("got %+v", f)
	}
	for body, told := range map[string]string{
		imageCode(r.host+"/ours/a:1", `, "protocol": "gopher"`):                                              "run or http",
		`{"code": {"source": "image", "image": "` + r.host + `/ours/a:1"}, "runtime_id": "` + runtime + `"}`: "takes no runtime",
		imageCode("a:1\nprivileged: true", ""):                                                               "must be the reference",
		imageCode("10.0.0.1/ours/a:1", ""):                                                                   "allows images from",
		imageCode(r.host+"/theirs/a:1", ""):                                                                  "allows images from",
		imageCode(r.host+"/ours/a:3", ""):                                                                    "has no image ours/a:3",
		imageCode(r.host+"/private/b:1", ""):                                                                 "to nobody without a password",
		// Not a field before 1.8.
		imageCode(r.host+"/ours/a:1", `, "registry_username": "bob"`): "no field",
	} {
		if got := s.do("POST", "/v1/functions", body, 400); !strings.Contains(string(got.body), told) {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	before := s.target(f.ID)
	s.do("PUT", "/v1/functions/"+f.ID, imageCode(r.host+"/ours/a:2", `, "protocol": "http"`), 200).decode(t, &f)
	if after := s.target(f.ID); f.Code.Image != r.host+"/ours/a:2" || after.Key.Revision == before.Key.Revision {
		t.Errorf("got %+v, to be run as %+v", f, after)
	}
	s.do("PUT", "/v1/functions/"+f.ID, `{"code": {"source": "package"}}`, 400)
	s.do("PUT", "/v1/functions/"+f.ID, imageCode("10.0.0.1/ours/a:1", ""), 400)
}

// TestImagesArePinned moves a tag: nothing changes for a function until it is updated, and never
// for a version.
func TestImagesArePinned(t *testing.T) {
	r := newImageRegistry(t)
	first := r.push("ours/a:1")
	s := newImageService(t, r)
	f, digest := digestOf(t, s.at18("POST", "/v1/functions", imageCode(r.host+"/ours/a:1", ""), 201))
	if digest != first || f.Code.Image != r.host+"/ours/a:1" {
		t.Errorf("made as %+v with the digest %s, want %s", f, digest, first)
	}
	runs := func(want string) {
		t.Helper()
		if got := s.target(f.ID).Image; got != r.host+"/ours/a@"+want {
			t.Errorf("it runs %s, want the digest %s", got, want)
		}
	}
	runs(first)
	version := func(number int) faas.Callable {
		t.Helper()
		c, err := s.store.Resolve(t.Context(), faas.AnyProject(), faas.FunctionRef{FunctionID: f.ID, Version: number})
		s.must(err)
		return c
	}
	var v functionVersionView
	s.at18("POST", "/v1/functions/"+f.ID+"/versions", `{}`, 201).decode(t, &v)
	if v.Digest == nil || *v.Digest == nil || **v.Digest != first {
		t.Errorf("version %+v", v)
	}
	s.do("POST", "/v1/functions/"+f.ID+"/versions", `{}`, 403) // nothing has changed
	second := r.push("ours/a:1")
	s.do("PUT", "/v1/functions/"+f.ID, `{"name": "new"}`, 200)
	runs(first)
	_, digest = digestOf(t, s.at18("PUT", "/v1/functions/"+f.ID, imageCode(r.host+"/ours/a:1", ""), 200))
	if digest != second {
		t.Errorf("the update made it %s, want %s", digest, second)
	}
	runs(second)
	s.at18("POST", "/v1/functions/"+f.ID+"/versions", `{}`, 201)
	for number, want := range map[int]string{1: first, 2: second} {
		if got := version(number).Target.Image; got != r.host+"/ours/a@"+want {
			t.Errorf("version %d runs %s, want the digest %s", number, got, want)
		}
	}
	s.do("GET", "/v1/functions/"+f.ID+"/versions/1?download=true", "", 400)
	s.do("DELETE", "/v1/functions/"+f.ID+"/versions/2", "", 204)
	s.do("DELETE", "/v1/functions/"+f.ID, "", 204)
}

// TestPrivateImages makes and changes functions whose images ask for a user.
func TestPrivateImages(t *testing.T) {
	r := newImageRegistry(t)
	first := r.push("private/a:1")
	s := newImageService(t, r)
	bob := fmt.Sprintf(`, "registry_username": "bob", "registry_password": %q`, bobsPassword)
	nobody := `, "registry_username": "", "registry_password": ""`
	image := r.host + "/private/a:1"
	refused := func(body, told string) {
		t.Helper()
		got := s.at18("POST", "/v1/functions", body, 400)
		if text := string(got.body); !strings.Contains(text, told) || strings.Contains(text, "swordfish") {
			t.Errorf("%s", text)
		}
	}
	refused(imageCode(image, `, "registry_username": "bob", "registry_password": "swordfish-1"`), `does not let the user \"bob\" read`)
	refused(imageCode(image, ""), "to nobody without a password")
	refused(imageCode(image, `, "registry_username": "bob"`), "go together")
	refused(imageCode(image, `, "registry_username": "b:b", "registry_password": "swordfish"`), "colons")
	refused(`{"code": {"source": "package", "registry_username": "bob", "registry_password": "swordfish"}}`, "of container images")
	refused(`{"code": "{\"registry_password\": \"swordfish\""}`, "must be a JSON object")
	refused(`{"code": "{\"registry_password\": [\"swordfish\"]}"}`, "code.registry_password must be a string")
	f, digest := digestOf(t, s.at18("POST", "/v1/functions", imageCode(image, bob), 201))
	if digest != first || f.Code.User != "bob" {
		t.Errorf("made as %+v with %s", f, digest)
	}
	target := s.target(f.ID)
	password, err := s.cfg.Passwords.Open(f.ID, target.Image, target.Registry.Sealed)
	if err != nil || password.Reveal() != bobsPassword || target.Registry.User != "bob" {
		t.Errorf("the engine would pull as %+v with %q, %v", target.Registry, password.Reveal(), err)
	}
	// The same registry: the password stays, and is not needed again.
	second := r.push("private/a:2")
	_, digest = digestOf(t, s.at18("PUT", "/v1/functions/"+f.ID, imageCode(r.host+"/private/a:2", ""), 200))
	if digest != second || s.target(f.ID).Registry.User != "bob" {
		t.Errorf("changed to %s, to be pulled as %+v", digest, s.target(f.ID).Registry)
	}
	s.at18("PUT", "/v1/functions/"+f.ID, imageCode(r.host+"/private/a:2", nobody), 400)
	r.push("ours/a:1")
	f, _ = digestOf(t, s.at18("PUT", "/v1/functions/"+f.ID, imageCode(r.host+"/ours/a:1", nobody), 200))
	if target := s.target(f.ID); target.Registry != (faas.Registry{}) || f.Code.User != "" {
		t.Errorf("pulled as %+v, shown as %+v", target.Registry, f.Code)
	}
	for _, path := range []string{"/v1/functions/" + f.ID, "/v1/functions"} {
		if got := s.at18("GET", path, "", 200); strings.Contains(string(got.body), "swordfish") {
			t.Errorf("%s tells the password: %s", path, got.body)
		}
	}
	if strings.Contains(s.logs.String(), "swordfish") {
		t.Errorf("the log tells the password: %s", s.logs.String())
	}
}
