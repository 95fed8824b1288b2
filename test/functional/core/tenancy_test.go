package core

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// version is sent with every request of this suite, so that it meets all that there is.
var version = [2]string{"OpenStack-API-Version", "function-engine 1.15"}

// property is what project demo has, and what the others try to get at.
type property struct {
	function, execution, runtime, project string
	webhook, alias, job, trigger          string
}

// attempt is a request for something of demo's, and what a stranger may be answered.
type attempt struct {
	path string // of the request; {…} of the route is filled in
	body any
	want []int // statuses
}

// attempts has an entry for each route of the API that is not open to all. A route may be tried in
// several ways.
func attempts(of property) map[string][]attempt {
	hidden, refused := []int{http.StatusNotFound}, []int{http.StatusForbidden}
	function, execution, job := "/v1/functions/"+of.function, "/v1/executions/"+of.execution, "/v1/jobs/"+of.job
	runtime, quota := "/v1/runtimes/"+of.runtime, "/v1/quotas/"+of.project
	webhook, trigger := "/v1/webhooks/"+of.webhook, "/v1/triggers/"+of.trigger
	return map[string][]attempt{
		"POST /v1/runtimes": {
			{"/v1/runtimes", map[string]any{"image": "docker.io/faas-mini/python3:dev", "name": "mine"}, refused},
		},
		"GET /v1/runtimes": {
			{"/v1/runtimes?all_projects=true", nil, refused},
			{"/v1/runtimes?project_id=" + of.project, nil, refused},
		},
		"GET /v1/runtimes/{id}":      {{runtime, nil, hidden}},
		"PUT /v1/runtimes/{id}":      {{runtime, map[string]any{"name": "taken"}, refused}},
		"DELETE /v1/runtimes/{id}":   {{runtime, nil, refused}},
		"GET /v1/runtimes/{id}/pool": {{runtime + "/pool", nil, refused}},

		"GET /v1/statistics": {
			{"/v1/statistics?all_projects=true", nil, refused}, {"/v1/statistics?project_id=" + of.project, nil, refused},
		},

		"POST /v1/functions": {
			{
				"/v1/functions",
				map[string]any{
					"name":       "x",
					"runtime_id": of.runtime,
					"code":       map[string]any{"source": "package"},
					"project_id": of.project,
				},
				[]int{http.StatusBadRequest},
			},
		},
		"GET /v1/functions": {
			{"/v1/functions?all_projects=true", nil, refused}, {"/v1/functions?project_id=" + of.project, nil, refused},
			{"/v1/functions?marker=" + of.function, nil, []int{http.StatusBadRequest, http.StatusNotFound, http.StatusOK}},
		},
		"GET /v1/functions/{id}":    {{function, nil, hidden}, {function + "?download=true", nil, hidden}},
		"PUT /v1/functions/{id}":    {{function, map[string]any{"name": "taken"}, hidden}},
		"DELETE /v1/functions/{id}": {{function, nil, hidden}},

		"POST /v1/functions/{id}/versions": {{function + "/versions", map[string]any{}, hidden}},
		"GET /v1/functions/{id}/versions": {
			{function + "/versions", nil, hidden},
			{function + "/versions?all_projects=true", nil, refused},
			{function + "/versions?project_id=" + of.project, nil, refused},
		},
		"GET /v1/functions/{id}/versions/{version}": {
			{function + "/versions/1", nil, hidden}, {function + "/versions/1?download=true", nil, hidden},
		},
		"DELETE /v1/functions/{id}/versions/{version}": {{function + "/versions/1", nil, hidden}},

		"GET /v1/functions/{id}/workers":     {{function + "/workers", nil, refused}},
		"POST /v1/functions/{id}/scale_up":   {{function + "/scale_up", map[string]any{"count": 1}, refused}},
		"POST /v1/functions/{id}/scale_down": {{function + "/scale_down", map[string]any{"count": 1}, refused}},
		"POST /v1/functions/{id}/detach":     {{function + "/detach", nil, refused}},
		"POST /v1/functions/{id}/versions/{version}/scale_up": {
			{function + "/versions/1/scale_up", map[string]any{"count": 1}, refused},
		},
		"POST /v1/functions/{id}/versions/{version}/scale_down": {
			{function + "/versions/1/scale_down", map[string]any{"count": 1}, refused},
		},
		"POST /v1/functions/{id}/versions/{version}/detach": {{function + "/versions/1/detach", nil, refused}},

		"POST /v1/aliases": {
			{"/v1/aliases", map[string]any{"name": "stolen", "function_id": of.function}, hidden},
			{"/v1/aliases", map[string]any{"name": "stolen", "function_id": of.function, "function_version": 1}, hidden},
		},
		"GET /v1/aliases": {
			{"/v1/aliases?all_projects=true", nil, refused}, {"/v1/aliases?project_id=" + of.project, nil, refused},
			{"/v1/aliases?function_id=" + of.function, nil, []int{http.StatusOK}},
		},
		"GET /v1/aliases/{name}":    {{"/v1/aliases/" + of.alias, nil, hidden}},
		"PUT /v1/aliases/{name}":    {{"/v1/aliases/" + of.alias, map[string]any{"function_version": 1}, hidden}},
		"DELETE /v1/aliases/{name}": {{"/v1/aliases/" + of.alias, nil, hidden}},

		"POST /v1/jobs": {{"/v1/jobs", map[string]any{"function_id": of.function, "pattern": "* * * * *"}, hidden}},
		"GET /v1/jobs": {
			{"/v1/jobs?all_projects=true", nil, refused}, {"/v1/jobs?project_id=" + of.project, nil, refused},
		},
		"GET /v1/jobs/{id}":    {{job, nil, hidden}},
		"PUT /v1/jobs/{id}":    {{job, map[string]any{"status": "cancelled"}, hidden}},
		"DELETE /v1/jobs/{id}": {{job, nil, hidden}},

		"POST /v1/executions": {
			{"/v1/executions", map[string]any{"function_alias": of.alias}, hidden},
			{
				"/v1/executions", map[string]any{"function_id": of.function, "function_version": 1},
				append(hidden, http.StatusBadRequest),
			},
			{"/v1/executions", map[string]any{"function_id": of.function, "sync": true}, append(hidden, http.StatusBadRequest)},
			{"/v1/executions", map[string]any{"function_id": of.function, "sync": false}, append(hidden, http.StatusBadRequest)},
		},
		"GET /v1/executions": {
			{"/v1/executions?all_projects=true", nil, refused}, {"/v1/executions?project_id=" + of.project, nil, refused},
			{"/v1/executions?function_id=" + of.function, nil, []int{http.StatusOK}},
		},
		"DELETE /v1/executions": {
			{"/v1/executions?function_id=" + of.function, nil, hidden},
			{"/v1/executions", nil, []int{http.StatusBadRequest}},
		},
		"GET /v1/executions/{id}":     {{execution, nil, hidden}},
		"DELETE /v1/executions/{id}":  {{execution, nil, hidden}},
		"GET /v1/executions/{id}/log": {{execution + "/log", nil, hidden}},

		"POST /v1/executions/{id}/cancel": {{execution + "/cancel", nil, hidden}},
		"GET /v1/executions/{id}/events":  {{execution + "/events", nil, hidden}},

		"POST /v1/webhooks": {
			{"/v1/webhooks", map[string]any{"function_id": of.function}, hidden},
			{"/v1/webhooks", map[string]any{"function_id": of.function, "project_id": of.project}, []int{http.StatusBadRequest}},
		},
		"GET /v1/webhooks": {
			{"/v1/webhooks?all_projects=true", nil, refused}, {"/v1/webhooks?project_id=" + of.project, nil, refused},
			{"/v1/webhooks?function_id=" + of.function, nil, []int{http.StatusOK}},
		},
		"GET /v1/webhooks/{id}":         {{webhook, nil, hidden}},
		"PUT /v1/webhooks/{id}":         {{webhook, map[string]any{"description": "taken"}, hidden}},
		"DELETE /v1/webhooks/{id}":      {{webhook, nil, hidden}},
		"POST /v1/webhooks/{id}/rotate": {{webhook + "/rotate", map[string]any{}, hidden}},
		"POST /v1/webhooks/{id}/invoke": {
			{webhook + "/invoke", map[string]any{}, hidden},
			{webhook + "/invoke?secret=1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", map[string]any{}, hidden},
		},

		"POST /v1/triggers": {
			{"/v1/triggers", map[string]any{"source": "webhook", "function_id": of.function}, hidden},
			{"/v1/triggers", map[string]any{"source": "webhook", "project_id": of.project}, []int{http.StatusBadRequest}},
		},
		"GET /v1/triggers": {
			{"/v1/triggers?all_projects=true", nil, refused}, {"/v1/triggers?project_id=" + of.project, nil, refused},
			{"/v1/triggers?function_id=" + of.function, nil, []int{http.StatusOK}},
		},
		"GET /v1/triggers/{id}":         {{trigger, nil, hidden}},
		"PUT /v1/triggers/{id}":         {{trigger, map[string]any{"description": "taken"}, hidden}},
		"DELETE /v1/triggers/{id}":      {{trigger, nil, hidden}},
		"POST /v1/triggers/{id}/rotate": {{trigger + "/rotate", nil, hidden}},
		"POST /v1/triggers/{id}/events": {
			{trigger + "/events", map[string]any{}, hidden},
			{trigger + "/events?secret=1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", map[string]any{}, hidden},
		},
		"GET /v1/triggers/{id}/dead_letters": {
			{trigger + "/dead_letters", nil, hidden}, {trigger + "/dead_letters?all_projects=true", nil, refused},
			{trigger + "/dead_letters?project_id=" + of.project, nil, refused},
		},
		"DELETE /v1/triggers/{id}/dead_letters/{execution}": {{trigger + "/dead_letters/" + of.execution, nil, hidden}},
		"POST /v1/triggers/{id}/replay": {
			{trigger + "/replay", nil, hidden},
			{trigger + "/replay", map[string]any{"dead_letters": []string{of.execution}}, hidden},
		},

		"GET /v1/quotas/{project_id}":    {{quota, nil, refused}},
		"PUT /v1/quotas/{project_id}":    {{quota, map[string]any{"quota": map[string]any{"functions": 0}}, refused}},
		"DELETE /v1/quotas/{project_id}": {{quota, nil, refused}},
		"GET /v1/limits": {
			{"/v1/limits?project_id=" + of.project, nil, append(refused, http.StatusOK, http.StatusBadRequest)},
		},
	}
}

// open are the routes that ask nobody who they are, and tell nothing of any project.
var open = []string{"GET /", "GET /v1", "GET /healthcheck"}

// documented returns every route of the API's description.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(repository + "/docs/api-ref/openapi.yaml")
	must(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	must(t, err)
	var all []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	return all
}

// newProperty makes a function, an execution and a private runtime; the runtime is the admin's, as
// all are.
func newProperty(ctx context.Context, t *testing.T, demo *apiclient.Client, project string) property {
	t.Helper()
	f := create(ctx, t, demo, echo)
	must(t, demo.Do(ctx, "POST", "/v1/functions/"+f.ID+"/versions", map[string]any{"description": "treasure"}, nil))
	alias := "treasure-" + f.ID
	must(t, demo.Do(ctx, "POST", "/v1/aliases", map[string]any{"name": alias, "function_id": f.ID}, nil))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = demo.Do(ctx, "DELETE", "/v1/aliases/"+alias, nil, nil) // or the function could not be deleted
	})
	x, err := demo.Execute(ctx, f.ID, true, map[string]any{"treasure": "of demo"})
	must(t, err)
	await(ctx, t, "the call is counted", func() bool { // which is soon after the call, not with it
		var counted struct{ Count int }
		must(t, demo.Do(ctx, "GET", "/v1/functions/"+f.ID, nil, &counted))
		return counted.Count == 1
	})
	admin := as(ctx, t, "admin")
	var rt apiclient.Runtime
	must(
		t,
		admin.Do(
			ctx, "POST", "/v1/runtimes",
			map[string]any{"image": "docker.io/faas-mini/python3:dev", "name": "private", "is_public": false}, &rt,
		),
	)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = admin.Do(ctx, "DELETE", "/v1/runtimes/"+rt.ID, nil, nil)
	})
	var hook struct{ ID string }
	must(t, demo.Do(ctx, "POST", "/v1/webhooks", map[string]any{"function_id": f.ID, "description": "treasure"}, &hook))
	demo.Header[version[0]] = version[1]
	var trigger struct{ ID string }
	must(t, demo.Do(ctx, "POST", "/v1/triggers", map[string]any{
		"source": "webhook", "function_id": f.ID, "description": "treasure",
	}, &trigger))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = demo.Do(ctx, "DELETE", "/v1/webhooks/"+hook.ID, nil, nil) // before its function
		_ = demo.Do(ctx, "DELETE", "/v1/triggers/"+trigger.ID, nil, nil)
	})
	var job struct{ ID string }
	must(
		t,
		demo.Do(ctx, "POST", "/v1/jobs", map[string]any{"function_id": f.ID, "pattern": "@yearly", "name": "treasure"}, &job),
	)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = demo.Do(ctx, "DELETE", "/v1/jobs/"+job.ID, nil, nil)
	})
	return property{f.ID, x.ID, rt.ID, project, hook.ID, alias, job.ID, trigger.ID}
}

// TestTenancy asks for what is demo's, on every route, as a member of another project.
func TestTenancy(t *testing.T) {
	ctx := testContext(t)
	owner := login(ctx, t, "demo")
	demo := with(t, 0, owner.text)
	of := newProperty(ctx, t, demo, owner.projectID)
	before := inventory(ctx, t, demo, of)
	alt := as(ctx, t, "alt")
	alt.Header[version[0]] = version[1]
	routes := attempts(of)
	for _, route := range documented(t) {
		if slices.Contains(open, route) {
			continue
		}
		if len(routes[route]) == 0 {
			t.Errorf("%s is not tried", route)
		}
		for _, a := range routes[route] {
			method, _, _ := strings.Cut(route, " ")
			var answer string
			err := alt.Do(ctx, method, a.path, a.body, &answer)
			if got := status(err); !slices.Contains(a.want, got) {
				t.Errorf("%s %s as alt: %d %v %s, want one of %v", method, a.path, got, err, answer, a.want)
			}
			for _, id := range []string{of.function, of.execution, of.runtime, of.webhook, of.job, of.trigger, "treasure"} {
				if strings.Contains(answer, id) {
					t.Errorf("%s %s as alt tells of %s: %s", method, a.path, id, answer)
				}
			}
		}
	}
	if after := inventory(ctx, t, demo, of); after != before {
		t.Errorf("what demo has changed from\n%s\nto\n%s", before, after)
	}
}

// inventory shows all that demo has of the property, to be compared.
func inventory(ctx context.Context, t *testing.T, demo *apiclient.Client, of property) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/v1/functions/" + of.function, "/v1/functions/" + of.function + "/versions", "/v1/aliases/" + of.alias,
		"/v1/executions?function_id=" + of.function, "/v1/executions/" + of.execution,
		"/v1/webhooks/" + of.webhook, "/v1/jobs/" + of.job, "/v1/triggers/" + of.trigger,
	} {
		var answer string
		must(t, demo.Do(ctx, "GET", path, nil, &answer))
		fmt.Fprintln(&all, answer)
	}
	return all.String()
}

// TestPersonas has reader, member and admin do what is theirs, and try what is not.
func TestPersonas(t *testing.T) {
	ctx := testContext(t)
	owner := login(ctx, t, "demo")
	demo := with(t, 0, owner.text)
	of := newProperty(ctx, t, demo, owner.projectID)
	reader, admin := as(ctx, t, "demo_reader"), as(ctx, t, "admin")
	for _, c := range []*apiclient.Client{demo, reader, admin} {
		c.Header[version[0]] = version[1]
	}
	// The name of an alias is its project's: an administrator of another one asks for their own by it.
	named := "/v1/aliases/" + of.alias
	for _, path := range []string{
		"/v1/functions/" + of.function, "/v1/functions", "/v1/functions/" + of.function + "/versions",
		"/v1/functions/" + of.function + "/versions/1", "/v1/executions/" + of.execution,
		"/v1/aliases", named, "/v1/jobs/" + of.job, "/v1/jobs",
		"/v1/executions/" + of.execution + "/log", "/v1/limits", "/v1/quotas/" + of.project,
	} {
		var answer string
		for who, c := range map[string]*apiclient.Client{"reader": reader, "admin of another project": admin} {
			err := c.Do(ctx, "GET", path, nil, &answer)
			if c == admin && path == named {
				if status(err) != http.StatusNotFound {
					t.Errorf("GET %s as %s: %v, want 404", path, who, err)
				}
			} else if err != nil {
				t.Errorf("GET %s as %s: %v", path, who, err)
			}
		}
	}
	writes := []struct {
		method, path string
		body         any
	}{
		{"PUT", "/v1/functions/" + of.function, map[string]any{"name": "x"}}, {"DELETE", "/v1/functions/" + of.function, nil},
		{"POST", "/v1/functions/" + of.function + "/versions", map[string]any{}},
		{"DELETE", "/v1/functions/" + of.function + "/versions/1", nil},
		{"POST", "/v1/aliases", map[string]any{"name": "x", "function_id": of.function}},
		{"PUT", named, map[string]any{"function_version": 1}}, {"DELETE", named, nil},
		{"PUT", "/v1/jobs/" + of.job, map[string]any{"name": "x"}}, {"DELETE", "/v1/jobs/" + of.job, nil},
		{"POST", "/v1/executions", map[string]any{"function_id": of.function}},
		{"DELETE", "/v1/executions/" + of.execution, nil},
		{"DELETE", "/v1/executions?function_id=" + of.function, nil},
		{"POST", "/v1/functions", map[string]any{"name": "x", "code": map[string]any{"source": "package"}}},
	}
	for _, w := range writes {
		if err := reader.Do(ctx, w.method, w.path, w.body, nil); status(err) != http.StatusForbidden {
			t.Errorf("%s %s as reader: %v, want 403", w.method, w.path, err)
		}
		if w.path == "/v1/functions" {
			continue // an admin's own is nobody else's
		}
		want := http.StatusForbidden
		if w.path == named {
			want = http.StatusNotFound
		}
		if err := admin.Do(ctx, w.method, w.path, w.body, nil); status(err) != want {
			t.Errorf("%s %s as an admin of another project: %v, want %d", w.method, w.path, err, want)
		}
	}
	for route, tries := range attempts(of) {
		method, _, _ := strings.Cut(route, " ")
		if method == "GET" || !strings.Contains(route, "runtimes") && !strings.Contains(route, "quotas") {
			continue
		}
		for _, a := range tries {
			if err := demo.Do(ctx, method, a.path, a.body, nil); status(err) != http.StatusForbidden {
				t.Errorf("%s %s as member: %v, want 403", method, a.path, err)
			}
		}
	}
	var all struct{ Functions []apiclient.Function }
	must(t, admin.Do(ctx, "GET", "/v1/functions?all_projects=true", nil, &all))
	if !slices.ContainsFunc(all.Functions, func(f apiclient.Function) bool { return f.ID == of.function }) {
		t.Error("an admin does not see all functions with all_projects")
	}
	all.Functions = nil
	must(t, admin.Do(ctx, "GET", "/v1/functions", nil, &all))
	if slices.ContainsFunc(all.Functions, func(f apiclient.Function) bool { return f.ID == of.function }) {
		t.Error("an admin sees other projects' functions without asking for them")
	}
}

// TestTokens tries tokens that prove nothing.
func TestTokens(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	owner := login(ctx, t, "demo")
	for what, text := range map[string]string{
		"none": "", "a word": "secret",
		"one cut short": owner.text[:len(owner.text)-8], "one with a letter more": owner.text + "A",
		"a very long one": strings.Repeat("gAAAAA", 4000),
	} {
		header := map[string]string{}
		if text != "" {
			header["X-Auth-Token"] = text
		}
		code, head, answer := request(ctx, t, "GET", env.endpoints[0]+"/v1/functions", header, nil)
		if code != http.StatusUnauthorized {
			t.Errorf("a token that is %s: %d %s", what, code, answer)
		}
		if code == http.StatusUnauthorized && !strings.Contains(head.Get("WWW-Authenticate"), "Keystone uri=") {
			t.Errorf("a token that is %s: WWW-Authenticate is %q", what, head.Get("WWW-Authenticate"))
		}
	}
	revoked := with(t, 0, owner.text)
	must(t, revoked.Do(ctx, "GET", "/v1/functions", nil, nil))
	code, _, answer := request(
		ctx, t, "DELETE", env.keystone+"/auth/tokens",
		map[string]string{"X-Auth-Token": owner.text, "X-Subject-Token": owner.text}, nil,
	)
	if code != http.StatusNoContent {
		t.Fatalf("Keystone does not revoke the token: %d %s", code, answer)
	}
	await(ctx, t, "a revoked token is refused", func() bool {
		return status(revoked.Do(ctx, "GET", "/v1/functions", nil, nil)) == http.StatusUnauthorized
	})
}

// TestExpiredToken uses a token until its end and beyond: what is answered before it expires is
// allowed, what is asked afterwards is refused. Keystone issues short ones for the while.
func TestExpiredToken(t *testing.T) {
	ctx := testContext(t)
	up(ctx, t, "CLOUD_TOKEN_LIFE=10")
	t.Cleanup(func() { up(context.WithoutCancel(ctx), t) })
	token := login(ctx, t, "demo")
	client := with(t, 0, token.text)
	allowed := 0
	await(ctx, t, "an expired token is refused", func() bool {
		asked := time.Now()
		err := client.Do(ctx, "GET", "/v1/functions", nil, nil)
		answered := time.Now()
		switch got := status(err); {
		case got == http.StatusOK && asked.Before(token.expires):
			allowed++
		case got == http.StatusOK:
			t.Fatalf("a token that expired at %v is taken at %v", token.expires, asked)
		case got == http.StatusUnauthorized && answered.Before(token.expires):
			t.Fatalf("a token that expires at %v is refused at %v: %v", token.expires, answered, err)
		default:
			return got == http.StatusUnauthorized
		}
		return false
	})
	if allowed == 0 {
		t.Error("the token was never allowed")
	}
}

// TestDeletedProject deletes a project whose function runs, and whose asynchronous executions go on
// being asked for while its token is still remembered.
func TestDeletedProject(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	gone := newTenant(ctx, t)
	c := with(t, 0, gone.token.text)
	f := create(ctx, t, c, echo)
	run(ctx, t, c, f.ID, nil)
	admin := login(ctx, t, "admin").text
	keystone(ctx, t, "DELETE", "/projects/"+gone.projectID, admin, nil, nil)
	await(ctx, t, "a deleted project's function does not run", func() bool {
		_, err := c.Execute(ctx, f.ID, true, nil)
		return err != nil &&
			slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, status(err))
	})
	again := with(t, 1, gone.token.text) // which has never seen the token
	if _, err := again.Execute(ctx, f.ID, false, nil); status(err) != http.StatusUnauthorized &&
		status(err) != http.StatusForbidden {
		t.Errorf("another API takes the deleted project's token: %v", err)
	}
}
