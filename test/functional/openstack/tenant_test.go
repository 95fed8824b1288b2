package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// tenant is a user with a token of its project.
type tenant struct {
	env       map[string]string // for commands
	token     string
	userID    string
	projectID string
	services  map[string]string // public URLs of the catalogue by type
}

// existing logs in one of the users that the mini cloud is made with.
func existing(ctx context.Context, t *testing.T, user string) tenant {
	t.Helper()
	return login(ctx, t, credentials(ctx, t, user))
}

// newTenant makes a user, and a project that nothing else is in, both gone at the test's end.
func newTenant(ctx context.Context, t *testing.T, name string) tenant {
	t.Helper()
	name = fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	admin(ctx, t, "project", "create", name)
	t.Cleanup(func() { admin(context.WithoutCancel(ctx), t, "project", "delete", name) })
	return newUser(ctx, t, name, name, "member")
}

// newUser makes a user with the role in a project.
func newUser(ctx context.Context, t *testing.T, name, project, role string) tenant {
	t.Helper()
	admin(ctx, t, "user", "create", "--password", name, name)
	t.Cleanup(func() { admin(context.WithoutCancel(ctx), t, "user", "delete", name) })
	admin(ctx, t, "role", "add", "--user", name, "--project", project, role)
	own := maps.Clone(credentials(ctx, t, "admin"))
	own["OS_USERNAME"], own["OS_PROJECT_NAME"], own["OS_PASSWORD"] = name, project, name
	return login(ctx, t, own)
}

// admin types an openstack command of the administrator's.
func admin(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	answer, err := osc.Run(os.TempDir(), credentials(ctx, t, "admin"), args...)
	must(t, err)
	if answer.Status != 0 {
		t.Fatalf("openstack %s: exit status %d\n%s", strings.Join(args, " "), answer.Status, answer.Err)
	}
}

func login(ctx context.Context, t *testing.T, env map[string]string) tenant {
	t.Helper()
	domain := map[string]any{"name": "Default"}
	asked, err := json.Marshal(map[string]any{"auth": map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{
			"name": env["OS_USERNAME"], "password": env["OS_PASSWORD"], "domain": domain,
		}}},
		"scope": map[string]any{"project": map[string]any{"name": env["OS_PROJECT_NAME"], "domain": domain}},
	}})
	must(t, err)
	var answer struct {
		Token struct {
			Project, User struct{ ID string }
			Catalog       []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	head, code := exchange(ctx, t, "POST", env["OS_AUTH_URL"]+"/auth/tokens", "", asked, &answer)
	if code != http.StatusCreated {
		t.Fatalf("%s gets no token: %d", env["OS_USERNAME"], code)
	}
	made := tenant{env, head.Get("X-Subject-Token"), answer.Token.User.ID, answer.Token.Project.ID, map[string]string{}}
	for _, s := range answer.Token.Catalog {
		for _, e := range s.Endpoints {
			if e.Interface == "public" {
				made.services[s.Type] = strings.TrimSuffix(e.URL, "/")
			}
		}
	}
	return made
}

// service returns the URL of a service. Without one the cloud is not what the tests are for.
func (o tenant) service(kind string) string {
	if o.services[kind] == "" {
		panic("the catalogue has no " + kind + ": make cloud-up CLOUD=all")
	}
	return o.services[kind]
}

// answer asks a service and returns the status. JSON is read into the pointer, nil for none.
func (o tenant) answer(ctx context.Context, t *testing.T, method, url string, body []byte, into any) int {
	t.Helper()
	_, code := exchange(ctx, t, method, url, o.token, body, into)
	return code
}

// get asks a service for what must be there.
func (o tenant) get(ctx context.Context, t *testing.T, url string, into any) {
	t.Helper()
	if code := o.answer(ctx, t, "GET", url, nil, into); code != http.StatusOK {
		t.Fatalf("GET %s: %d", url, code)
	}
}

// trusts returns the trusts that the user has given.
func (o tenant) trusts(ctx context.Context, t *testing.T) []any {
	t.Helper()
	var list struct{ Trusts []any }
	o.get(ctx, t, o.env["OS_AUTH_URL"]+"/OS-TRUST/trusts?trustor_user_id="+o.userID, &list)
	return list.Trusts
}

// none checks that the project has none of a collection of ours.
func (o tenant) none(ctx context.Context, t *testing.T, collection string) {
	t.Helper()
	path := strings.TrimPrefix(collection, "function_")
	var list map[string]json.RawMessage
	o.get(ctx, t, o.service("function-engine")+"/v1/"+path, &list)
	if left := string(list[collection]); left != "[]" {
		t.Errorf("left of %s: %s", collection, left)
	}
}

// exchange sends a request and reads the answer, as JSON if there is something to read it into.
func exchange(
	ctx context.Context, t *testing.T, method, url, token string, body []byte, into any,
) (http.Header, int) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	must(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("OpenStack-API-Version", "function-engine latest")
	request.Header.Set("Client-ID", "11111111-2222-4333-8444-555555555555") // Zaqar wants one
	if token != "" {
		request.Header.Set("X-Auth-Token", token)
	}
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	if into != nil && answer.StatusCode < http.StatusMultipleChoices {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %v: %.300s", method, url, err, text)
		}
	}
	return answer.Header, answer.StatusCode
}
