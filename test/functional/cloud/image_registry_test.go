package cloud

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
)

// push puts an image that prints a word, when it is run without an input, under a name into one of
// the registries. It returns its digest.
func push(t *testing.T, image, word string) string {
	t.Helper()
	return pushWith(t, image, func(c *v1.Config) { c.Cmd = []string{word} })
}

// pushWith puts the image that echoes, with a change, under a name into one of the registries.
func pushWith(t *testing.T, image string, change func(*v1.Config)) string {
	t.Helper()
	from, err := name.ParseReference(echoImage(), name.Insecure)
	must(t, err)
	echo, err := remote.Image(from)
	must(t, err)
	file, err := echo.ConfigFile()
	must(t, err)
	config := *file.Config.DeepCopy()
	change(&config)
	other, err := mutate.Config(echo, config)
	must(t, err)
	to, err := name.ParseReference(image, name.Insecure)
	must(t, err)
	must(t, remote.Write(to, other, remote.WithAuth(userOf(image))))
	digest, err := other.Digest()
	must(t, err)
	return digest.String()
}

// userOf returns whom the registry of an image lets push.
func userOf(image string) authn.Authenticator {
	if !strings.HasPrefix(image, env.private+"/") {
		return authn.Anonymous
	}
	return &authn.Basic{Username: env.user, Password: env.password}
}

// goneImage makes a function of an image that is then taken out of the registry, before any node
// has pulled it.
func goneImage(ctx context.Context, t *testing.T, c *apiclient.Client, protocol string, timeout int) string {
	t.Helper()
	repository := env.registry + "/faas-mini/gone"
	tag := repository + ":" + faas.NewID()
	digest := push(t, tag, faas.NewID())
	function := image(ctx, t, c, tag, protocol, timeout)
	ref, err := name.NewDigest(repository+"@"+digest, name.Insecure)
	must(t, err)
	must(t, remote.Delete(ref))
	return function
}

// microversioned has the client ask for the newest microversion.
func microversioned(c *apiclient.Client) *apiclient.Client {
	c.Header = map[string]string{"OpenStack-API-Version": "function-engine latest"}
	return c
}

// imageOf is the code of a function's image, with a user of its registry or none.
type imageOf struct {
	Source   string `json:"source"`
	Image    string `json:"image"`
	Protocol string `json:"protocol"`
	User     string `json:"registry_username,omitempty"`
	Password string `json:"registry_password,omitempty"`
}

// pinned is what the API shows of a function of an image.
type pinned struct {
	ID     string
	Digest string `json:"image_digest"`
}

// makeImage makes a function of an image and has it deleted with the test.
func makeImage(ctx context.Context, t *testing.T, c *apiclient.Client, code imageOf) (made pinned, err error) {
	t.Helper()
	code.Source = "image"
	body := map[string]any{"name": t.Name(), "cpu": 1000, "timeout": functionTimeout, "code": code}
	if err = c.Do(ctx, "POST", "/v1/functions", body, &made); err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
			defer cancel()
			_ = c.Do(ctx, "DELETE", "/v1/functions/"+made.ID, nil, nil) // the test's own outcome is told already
		})
	}
	return made, err
}

// prints calls a version of a function without an input and checks what it prints.
func prints(ctx context.Context, t *testing.T, c *apiclient.Client, function string, version int, want string) {
	t.Helper()
	var x apiclient.Execution
	body := map[string]any{"function_id": function, "function_version": version, "sync": true}
	must(t, c.Do(ctx, "POST", "/v1/executions", body, &x))
	if x.Status != "success" || outputText(t, x) != want+"\n" {
		t.Errorf("version %d: %s %s, want %s", version, x.Status, x.Result, want)
	}
}

// TestImageIsPinned moves the tag of a function's image: the function runs what it was made of
// until it is updated, and its version for ever.
func TestImageIsPinned(t *testing.T) {
	ctx, c := testContext(t), microversioned(client(t))
	tag := env.registry + "/faas-mini/pinned:" + faas.NewID()
	first, second := faas.NewID(), faas.NewID() // no other run's: no node has these images
	firstDigest := push(t, tag, first)
	f, err := makeImage(ctx, t, c, imageOf{Image: tag})
	must(t, err)
	if f.Digest != firstDigest {
		t.Errorf("made with the digest %s, want %s", f.Digest, firstDigest)
	}
	var v pinned
	must(t, c.Do(ctx, "POST", "/v1/functions/"+f.ID+"/versions", map[string]any{}, &v))
	if v.Digest != firstDigest {
		t.Errorf("its version has the digest %s, want %s", v.Digest, firstDigest)
	}
	secondDigest := push(t, tag, second)
	prints(ctx, t, c, f.ID, 0, first)
	change := map[string]any{"code": imageOf{Source: "image", Image: tag}}
	must(t, c.Do(ctx, "PUT", "/v1/functions/"+f.ID, change, &f))
	if f.Digest != secondDigest {
		t.Errorf("updated to the digest %s, want %s", f.Digest, secondDigest)
	}
	prints(ctx, t, c, f.ID, 0, second)
	prints(ctx, t, c, f.ID, 1, first)
}

// TestPrivateImage has functions of images that only a user of their registry may pull: without the
// password none is made, with it they run, and neither the cluster keeps it when they are gone nor
// a log tells it.
func TestPrivateImage(t *testing.T) {
	ctx, c := testContext(t), microversioned(client(t))
	word := faas.NewID()
	tag := env.private + "/functions/private:" + word
	push(t, tag, word)
	for what, code := range map[string]imageOf{
		"without a user":        {Image: tag},
		"with a wrong password": {Image: tag, User: env.user, Password: "wrong-" + faas.NewID()},
		"with a wrong user":     {Image: tag, User: "nobody", Password: env.password},
	} {
		_, err := makeImage(ctx, t, c, code)
		var e *apiclient.Error
		if !errors.As(err, &e) || e.Status != http.StatusBadRequest || !strings.Contains(e.Fault, env.private) {
			t.Errorf("%s: %v", what, err)
		} else {
			t.Logf("%s: %s", what, e.Fault)
		}
	}
	f, err := makeImage(ctx, t, c, imageOf{Image: tag, User: env.user, Password: env.password})
	must(t, err)
	prints(ctx, t, c, f.ID, 0, word)
	secrets := func() []string {
		of := "faas.openstack.org/function-id=" + f.ID
		return strings.Fields(kubectl(ctx, t, "get", "secrets", "-A", "-l", of, "-o", "name"))
	}
	if got := secrets(); len(got) != 1 {
		t.Errorf("while the function runs there are the secrets %q, want one", got)
	}
	server, err := makeImage(ctx, t, c, imageOf{
		Image: privateServer(t), Protocol: "http", User: env.user, Password: env.password,
	})
	must(t, err)
	if got := echoedBy(t, execute(ctx, t, c, server.ID, true, "a word")); string(got.Got) != `"a word"` {
		t.Errorf("the private server was sent %s", got.Got)
	}
	must(t, c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil))
	await(ctx, t, "the password is gone from the cluster", func() bool { return len(secrets()) == 0 })
	logs, err := filepath.Glob(filepath.Join(env.logs, "faas-*.log"))
	must(t, err)
	for _, log := range logs {
		text, err := os.ReadFile(log)
		must(t, err)
		if bytes.Contains(text, []byte(env.password)) {
			t.Errorf("%s tells the password", log)
		}
	}
	if len(logs) == 0 {
		t.Error("no log was looked at")
	}
}

// privateServer puts the image whose server answers with what it was sent into the private
// registry, as one that no node has.
func privateServer(t *testing.T) string {
	t.Helper()
	tag := env.private + "/functions/server:" + faas.NewID()
	pushWith(t, tag, func(c *v1.Config) { c.Env = append(c.Env, "ONLY="+faas.NewID()) })
	return tag
}
