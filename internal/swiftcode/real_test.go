package swiftcode_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
	"github.com/openstack-faas/faas/pkg/swift"
)

// real is a source on the mini cloud's Keystone and Swift, and a container of the user demo.
type real struct {
	*rig
	cloud     *testkit.Cloud
	keystone  *keystone.Client
	demo      testkit.Session
	mine      *swift.Client
	container string
}

func newReal(t *testing.T) *real {
	cloud := testkit.Keystone(t)
	u := cloud.User(t, "faas")
	client, err := keystone.New(keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project,
		ProjectDomain: u.ProjectDomain,
		Region:        cloud.Region, Interface: "internal", CacheTime: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{
		rig:       &rig{T: t},
		cloud:     cloud,
		keystone:  client,
		demo:      cloud.Login(t, "demo"),
		container: "test " + rand.Text(),
	}
	r.mine = swift.New(swift.Config{}).With(r.demo.Token, r.demo.Endpoints["object-store"])
	if r.code, err = codestore.NewFiles(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	r.source = swiftcode.New(swiftcode.Config{
		Swift: swift.New(swift.Config{}), Code: r.code, MaxSize: maxSize,
		Endpoint: func(ctx context.Context, projectID string) (string, error) {
			return client.EndpointFor(ctx, "object-store", projectID)
		},
	})
	if err := r.mine.EnsureContainer(t.Context(), r.container); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		err := r.mine.List(ctx, r.container, func(e swift.Entry) error { return r.mine.Delete(ctx, r.container, e.Name) })
		if err := errors.Join(err, r.mine.DeleteContainer(ctx, r.container)); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *real) put(name string, body []byte) {
	r.Helper()
	if err := r.mine.Put(r.Context(), r.container, name, strings.NewReader(string(body)), swift.MD5(body)); err != nil {
		r.Fatal(err)
	}
}

// manifest makes a large object of what begins with the prefix: a dynamic one, or a static one of
// the segments as they are now.
func (r *real) manifest(name, query string, header map[string]string, body string) {
	r.Helper()
	to := r.demo.Endpoints["object-store"] + "/" + strings.ReplaceAll(r.container, " ", "%20") + "/" + name + query
	req, err := http.NewRequestWithContext(r.Context(), http.MethodPut, to, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", r.demo.Token)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		r.Fatalf("%s: status %d", name, answer.StatusCode)
	}
}

func (r *real) named(object string) faas.Code {
	return faas.Code{Source: faas.SourceSwift, Container: r.container, Object: object}
}

// TestRealObjects has a plain object and large ones of both kinds.
func TestRealObjects(t *testing.T) {
	r := newReal(t)
	token, zip := faas.Secret(r.demo.Token), r.zip("one")
	r.put("plain/f.zip", zip)
	r.put("segments/1", zip[:10])
	r.put("segments/2", zip[10:])
	path := "/" + r.container + "/segments/"
	r.manifest("static", "?multipart-manifest=put", nil, `[{"path": "`+path+`1"}, {"path": "`+path+`2"}]`)
	r.manifest(
		"dynamic", "",
		map[string]string{"X-Object-Manifest": strings.ReplaceAll(r.container, " ", "%20") + "/segments/"}, "",
	)
	for _, object := range []string{"plain/f.zip", "static", "dynamic"} {
		code, err := r.source.Fetch(t.Context(), token, r.demo.ProjectID, r.named(object), nil)
		if err != nil {
			t.Fatal(err)
		}
		if string(r.kept(code)) != string(zip) || code.MD5 != swift.MD5(zip) || code.Size != int64(len(zip)) {
			t.Errorf("%s: got %+v", object, code)
		}
		if etag, err := r.source.ETag(t.Context(), token, r.demo.ProjectID, code); etag != code.ETag || err != nil {
			t.Errorf("%s: changed at once: %q, %v", object, etag, err)
		}
		if object == "dynamic" {
			r.put("segments/2", []byte("another"))
		} else {
			r.put(object, r.zip("two"))
		}
		if etag, err := r.source.ETag(t.Context(), token, r.demo.ProjectID, code); etag == code.ETag || err != nil {
			t.Errorf("%s: a change is not seen: %q, %v", object, etag, err)
		}
	}
	_, err := r.source.Fetch(t.Context(), token, r.demo.ProjectID, r.named("none"), nil)
	if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), `no object "none"`) {
		t.Errorf("got %v", err)
	}
}

// TestRealRights reads an object with others' tokens: of another project, and of trusts.
func TestRealRights(t *testing.T) {
	r := newReal(t)
	r.put("f.zip", r.zip("one"))
	fetch := func(token string) error {
		_, err := r.source.Fetch(t.Context(), faas.Secret(token), r.demo.ProjectID, r.named("f.zip"), nil)
		return err
	}
	alt := r.cloud.Login(t, "alt")
	trust, err := r.keystone.CreateTrust(
		t.Context(), r.demo.Token, keystone.TrustRequest{Roles: []keystone.Role{{Name: "member"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	deleted := false
	remove := func() {
		if err := r.keystone.DeleteTrust(context.Background(), trust.ID); err != nil && !deleted {
			t.Error(err)
		}
		deleted = true
	}
	t.Cleanup(remove)
	acts, err := r.keystone.TrustToken(t.Context(), trust.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := fetch(acts.Token); err != nil {
		t.Errorf("by the trust: %v", err)
	}
	for who, c := range map[string]struct {
		token string
		kind  faas.Kind
		says  string
	}{
		"another project's user": {alt.Token, faas.Invalid, "do not allow it"},
		"nobody":                 {"gAAAAAnone", faas.Unauthenticated, "token is not valid"},
	} {
		if err := fetch(c.token); faas.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) ||
			strings.Contains(err.Error(), c.token) {
			t.Errorf("%s: %v", who, err)
		}
	}
}
