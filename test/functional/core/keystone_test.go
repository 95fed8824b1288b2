package core

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// credentials are what .cloud/openrc-NAME says.
type credentials struct{ user, password, project string }

// openrc returns who a user is.
func openrc(name string) (credentials, error) {
	values, err := openrcValues(name)
	return credentials{values["OS_USERNAME"], values["OS_PASSWORD"], values["OS_PROJECT_NAME"]}, err
}

// openrcValues reads the file of a user, as a shell would: lines of `export NAME=VALUE`.
func openrcValues(name string) (map[string]string, error) {
	text, err := os.ReadFile(repository + "/.cloud/openrc-" + name)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, word := range strings.Fields(string(text)) {
		if key, value, ok := strings.Cut(word, "="); ok {
			values[key] = strings.Trim(value, `'"`)
		}
	}
	return values, nil
}

// token is what Keystone has issued, with the endpoints of its catalogue.
type token struct {
	text      string
	projectID string
	userID    string
	swift     string
	services  map[string]string // public URLs by type
	expires   time.Time
}

// login gets a token of the user in its project.
func login(ctx context.Context, t *testing.T, name string) token {
	t.Helper()
	c, err := openrc(name)
	must(t, err)
	return authenticate(ctx, t, map[string]any{
		"identity": map[string]any{"methods": []string{"password"}, "password": map[string]any{"user": map[string]any{
			"name": c.user, "password": c.password, "domain": map[string]any{"name": "Default"},
		}}},
		"scope": map[string]any{"project": map[string]any{"name": c.project, "domain": map[string]any{"name": "Default"}}},
	})
}

func authenticate(ctx context.Context, t *testing.T, auth map[string]any) token {
	t.Helper()
	var answer struct {
		Token struct {
			Project struct{ ID string }
			User    struct{ ID string }
			Expires time.Time `json:"expires_at"`
			Catalog []struct {
				Type      string
				Endpoints []struct{ Interface, URL string }
			}
		}
	}
	head := keystone(ctx, t, "POST", "/auth/tokens", "", map[string]any{"auth": auth}, &answer)
	made := token{
		text: head.Get("X-Subject-Token"), projectID: answer.Token.Project.ID, userID: answer.Token.User.ID,
		expires: answer.Token.Expires, services: map[string]string{},
	}
	for _, service := range answer.Token.Catalog {
		for _, endpoint := range service.Endpoints {
			if endpoint.Interface == "public" {
				made.services[service.Type] = endpoint.URL
			}
		}
	}
	made.swift = made.services["object-store"]
	if made.text == "" {
		t.Fatal("Keystone gave no token")
	}
	return made
}

// keystone asks Keystone, and fails unless it answers with success.
func keystone(ctx context.Context, t *testing.T, method, path, token string, body, reply any) http.Header {
	t.Helper()
	var b []byte
	if body != nil {
		var err error
		b, err = json.Marshal(body)
		must(t, err)
	}
	header := map[string]string{"Content-Type": "application/json", "X-Auth-Token": token}
	code, head, answer := request(ctx, t, method, env.keystone+path, header, b)
	if code >= http.StatusBadRequest {
		t.Fatalf("Keystone: %s %s: %d %s", method, path, code, answer)
	}
	if reply != nil {
		must(t, json.Unmarshal(answer, reply))
	}
	return head
}

func request(
	ctx context.Context, t *testing.T, method, url string, header map[string]string, body []byte,
) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	must(t, err)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, resp.Header, answer
}

// object puts an object into the project's Swift.
func object(ctx context.Context, t *testing.T, of token, container, name string, content []byte) {
	t.Helper()
	header := map[string]string{"X-Auth-Token": of.text}
	for _, what := range []struct {
		path string
		body []byte
	}{{container, nil}, {container + "/" + name, content}} {
		if code, _, answer := request(ctx, t, "PUT", of.swift+"/"+what.path, header, what.body); code >= 300 {
			t.Fatalf("Swift: PUT %s: %d %s", what.path, code, answer)
		}
	}
}

// tenant is a project that a test makes, with a user in it.
type tenant struct {
	projectID string
	token     token
}

// newTenant makes a project with a member of its own, and forgets both at the test's end.
func newTenant(ctx context.Context, t *testing.T) tenant {
	t.Helper()
	admin := login(ctx, t, "admin").text
	name := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	const password = "correct-horse-battery-staple"
	var project struct{ Project struct{ ID string } }
	keystone(
		ctx, t, "POST", "/projects", admin,
		map[string]any{"project": map[string]any{"name": name, "domain_id": "default"}}, &project,
	)
	var user struct{ User struct{ ID string } }
	keystone(
		ctx, t, "POST", "/users", admin,
		map[string]any{"user": map[string]any{"name": name, "domain_id": "default", "password": password}}, &user,
	)
	var roles struct{ Roles []struct{ ID string } }
	keystone(ctx, t, "GET", "/roles?name=member", admin, nil, &roles)
	keystone(
		ctx, t, "PUT", "/projects/"+project.Project.ID+"/users/"+user.User.ID+"/roles/"+roles.Roles[0].ID, admin,
		nil, nil,
	)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		for _, path := range []string{"/users/" + user.User.ID, "/projects/" + project.Project.ID} {
			request(ctx, t, "DELETE", env.keystone+path, map[string]string{"X-Auth-Token": admin}, nil)
		}
	})
	return tenant{projectID: project.Project.ID, token: authenticate(ctx, t, map[string]any{
		"identity": map[string]any{
			"methods":  []string{"password"},
			"password": map[string]any{"user": map[string]any{"id": user.User.ID, "password": password}},
		},
		"scope": map[string]any{"project": map[string]any{"id": project.Project.ID}},
	})}
}
