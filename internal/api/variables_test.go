package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/store"
)

// withVariables has the service keep secrets of functions.
func withVariables(t *testing.T) func(*Config) {
	t.Helper()
	variables, err := seal.NewVariables(faas.Secret(strings.Repeat("s", seal.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Variables = variables }
}

// at114 sends a request of microversion 1.14 and checks the status of its answer, and that neither
// the answer nor the log tells a secret.
func (s *service) at114(method, path, body string, status int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body, header: map[string]string{
		"OpenStack-API-Version": "function-engine 1.14",
	}})
	if got.status != status {
		s.t.Fatalf("%s %s %.300s: %d %s, want %d", method, path, body, got.status, got.body, status)
	}
	if strings.Contains(string(got.body), "swordfish") || strings.Contains(s.logs.String(), "swordfish") {
		s.t.Fatalf("%s %s %.300s: a secret is told: %s; log: %s", method, path, body, got.body, s.logs.String())
	}
	return got
}

// hasVariables checks what is shown of a function or a version, and what its workers get.
func (s *service) hasVariables(shown reply, key faas.Key, environment, secrets map[string]string) {
	s.t.Helper()
	var view struct {
		Environment map[string]string
		Secrets     []string
	}
	shown.decode(s.t, &view)
	names := slices.AppendSeq([]string{}, maps.Keys(secrets))
	slices.Sort(names)
	if !maps.Equal(view.Environment, environment) || !slices.Equal(view.Secrets, names) {
		s.t.Errorf("shown as %s, want %v and %v", shown.body, environment, names)
	}
	target, err := s.store.Target(s.t.Context(), key)
	s.must(err)
	got, err := s.cfg.Variables.Environment(target)
	want := maps.Clone(environment)
	maps.Copy(want, secrets)
	if err != nil || !maps.Equal(got, want) {
		s.t.Errorf("workers get %v, %v; want %v", map[string]string(got), err, want)
	}
	for _, value := range secrets {
		if value != "" && strings.Contains(string(target.Secrets), value) {
			s.t.Errorf("a secret is kept as it is: %s", target.Secrets)
		}
	}
}

type texts = map[string]string

// TestEnvironment makes a function with variables, and changes them in every way.
func TestEnvironment(t *testing.T) {
	s := newService(t, withVariables(t))
	made := s.newFunction(s.newRuntime(), "f")
	path, live := "/v1/functions/"+made.ID, faas.Key{FunctionID: made.ID}
	s.hasVariables(s.at114("GET", path, "", 200), live, texts{}, texts{})

	put := func(body string) reply { t.Helper(); return s.at114("PUT", path, body, 200) }
	got := put(`{"environment": {"LANG": "de", "URL": "https://a.example.org/?a=<b>&c"}, "secrets": {"KEY": "swordfish-1", "B": ""}}`)
	s.hasVariables(got, live, texts{"LANG": "de", "URL": "https://a.example.org/?a=<b>&c"}, texts{"KEY": "swordfish-1", "B": ""})
	if !strings.Contains(string(got.body), `"secrets":["B","KEY"]`) {
		t.Errorf("the names are not in order: %s", got.body)
	}
	if change := <-s.changed; change.FunctionID != made.ID || change.Revision != 2 {
		t.Errorf("told %+v", change)
	}
	s.at114("POST", path+"/versions", "", 201)
	s.at114("POST", path+"/versions", "", 403) // nothing has changed

	// The environment is replaced as a whole, of secrets each is what the request says.
	s.hasVariables(put(`{"environment": {"ONE": "1"}}`), live, texts{"ONE": "1"}, texts{"KEY": "swordfish-1", "B": ""})
	s.hasVariables(put(`{"secrets": {"B": null, "NEW": "swordfish\n2", "NONE": null}}`), live, texts{"ONE": "1"},
		texts{"KEY": "swordfish-1", "NEW": "swordfish\n2"})
	s.hasVariables(put(`{"name": "other"}`), live, texts{"ONE": "1"}, texts{"KEY": "swordfish-1", "NEW": "swordfish\n2"})
	s.hasVariables(put(`{"environment": null, "secrets": null}`), live, texts{"ONE": "1"},
		texts{"KEY": "swordfish-1", "NEW": "swordfish\n2"})
	// A name moves from one to the other.
	s.hasVariables(put(`{"environment": {"KEY": "plain"}, "secrets": {"KEY": null, "ONE": "swordfish-3", "NEW": null}}`), live,
		texts{"KEY": "plain"}, texts{"ONE": "swordfish-3"})
	s.hasVariables(put(`{"environment": {}, "secrets": {"ONE": null}}`), live, texts{}, texts{})

	first := faas.Key{FunctionID: made.ID, Version: 1}
	s.hasVariables(s.at114("GET", path+"/versions/1", "", 200), first,
		texts{"LANG": "de", "URL": "https://a.example.org/?a=<b>&c"}, texts{"KEY": "swordfish-1", "B": ""})
	for _, path := range []string{"/v1/functions", path + "/versions"} {
		if got := s.at114("GET", path, "", 200); !strings.Contains(string(got.body), `"secrets":[`) {
			t.Errorf("%s does not list the names: %s", path, got.body)
		}
		if old := s.do("GET", path, "", 200); strings.Contains(string(old.body), "environment") {
			t.Errorf("%s shows old clients what they do not know: %s", path, old.body)
		}
	}
	s.do("PUT", path, `{"environment": {"A": "b"}}`, 400) // there is no such field in 1.0
}

// TestEnvironmentInForms sends the fields as clients do that upload a package.
func TestEnvironmentInForms(t *testing.T) {
	s := newService(t, withVariables(t))
	runtime := s.newRuntime()
	body, contentType := formOf(t, field{"runtime_id", runtime}, field{"code", `{"source": "package"}`},
		field{"environment", `{"A": "b"}`}, field{"secrets", `{"C": "swordfish"}`},
		field{fields.PackageField, zipOf(t, "main.py", "def main(): pass")})
	got := s.send(testRequest{
		method: "POST", path: "/v1/functions", body: body, contentType: contentType, header: map[string]string{
			"OpenStack-API-Version": "function-engine 1.14",
		},
	})
	if got.status != 201 || strings.Contains(string(got.body), "swordfish") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var f functionView
	got.decode(t, &f)
	s.hasVariables(got, faas.Key{FunctionID: f.ID}, texts{"A": "b"}, texts{"C": "swordfish"})
}

// TestWrongEnvironment is refused with the name of what is wrong and what would be right, and
// without any value.
func TestWrongEnvironment(t *testing.T) {
	s := newService(t, withVariables(t))
	path := "/v1/functions/" + s.newFunction(s.newRuntime(), "f").ID
	many := map[string]string{}
	for n := range faas.MaxVariables + 1 {
		many[fmt.Sprintf("A%d", n)] = ""
	}
	crowd, err := json.Marshal(many)
	s.must(err)
	long, large := strings.Repeat("A", faas.MaxVariableName+1), strings.Repeat("x", faas.MaxVariablesSize)
	for _, field := range []string{"environment", "secrets"} {
		for value, told := range map[string]string{
			`"swordfish"`: field + " must be a JSON object of names and texts", `["swordfish"]`: "must be a JSON object",
			`7`: "must be a JSON object", `{"A": ["swordfish"]}`: field + ".A must be a string", `{"A": 7}`: field + ".A must be a string",
			`{"A": {"swordfish": 1}}`: field + ".A must be a string", `{"": "swordfish"}`: "letters of ASCII",
			`{"1A": "swordfish"}`: `The name "1A" in ` + field, `{"A-B": "x"}`: "letters of ASCII", `{"A B": "x"}`: "letters of ASCII",
			`{"É": "x"}`: "letters of ASCII", `{"A\n": "x"}`: "letters of ASCII", `{"` + long + `": "x"}`: "at most 128 bytes; it has 129",
			`{"PORT": "swordfish"}`: "the service's own", `{"FAAS_SOCKET": "swordfish"}`: "the service's own",
			`{"A": "swordfish\u0000"}`: field + ".A must not contain a NUL", `{"A": "` + large + `"}`: "at most 4096 bytes together; they have 4097",
			string(crowd): field + " must have at most 100 names; it has 101",
		} {
			got := s.at114("PUT", path, `{"`+field+`": `+value+`}`, 400)
			if !strings.Contains(got.fault(), told) {
				t.Errorf("%s %.60s: %s", field, value, got.fault())
			}
		}
	}
	s.at114("PUT", path, `{"environment": {"PLAIN": "1"}, "secrets": {"HIDDEN": "swordfish"}}`, 200)
	for body, told := range map[string]string{
		`{"environment": {"A": null}}`:                               "environment.A must be a string",
		`{"environment": {"HIDDEN": "x"}}`:                           "The name HIDDEN is in environment and in secrets",
		`{"secrets": {"PLAIN": "swordfish"}}`:                        "The name PLAIN is in environment and in secrets",
		`{"environment": {"A": "1"}, "secrets": {"A": "swordfish"}}`: "The name A is in environment and in secrets",
	} {
		if got := s.at114("PUT", path, body, 400); !strings.Contains(got.fault(), told) {
			t.Errorf("%s: %s", body, got.fault())
		}
	}
	// What there is counts with what comes, to the last byte.
	room := strings.Repeat("x", faas.MaxVariablesSize-len("HIDDEN")-len("swordfish")-len("A"))
	s.at114("PUT", path, `{"secrets": {"A": "`+room+`x"}}`, 400)
	s.at114("PUT", path, `{"secrets": {"A": "`+room+`"}}`, 200)
	s.at114("PUT", path, `{"environment": {"A": "x"}, "secrets": {"A": null}}`, 200)
}

// TestSecretsOfAnotherTime has the service's own secret change: what was sealed stays as it is, is
// told by name, and can be set anew.
func TestSecretsOfAnotherTime(t *testing.T) {
	s := newService(t, withVariables(t))
	f := s.newFunction(s.newRuntime(), "f")
	sealed := faas.NewVariables(texts{"A": "AAAA", "B": "BBBB"})
	target, err := s.store.Target(t.Context(), faas.Key{FunctionID: f.ID})
	s.must(err)
	target.Secrets = sealed
	if _, err := s.cfg.Variables.Environment(target); faas.KindOf(err) != faas.Invalid {
		t.Errorf("opened with %v", err)
	}
	_, err = s.store.UpdateFunction(t.Context(), faas.AnyProject(), f.ID, store.FunctionChange{Secrets: &sealed})
	s.must(err)
	got := s.at114("PUT", "/v1/functions/"+f.ID, `{"secrets": {"A": "swordfish-1", "B": "swordfish-2"}}`, 200)
	s.hasVariables(got, faas.Key{FunctionID: f.ID}, texts{}, texts{"A": "swordfish-1", "B": "swordfish-2"})
}

// TestNoSecretsHere is a deployment without a secret of its own.
func TestNoSecretsHere(t *testing.T) {
	s := newService(t)
	path := "/v1/functions/" + s.newFunction(s.newRuntime(), "f").ID
	s.at114("PUT", path, `{"environment": {"A": "b"}}`, 200)
	if got := s.at114("PUT", path, `{"secrets": {"A": "swordfish"}}`, 400); !strings.Contains(got.fault(), "keeps no secrets") {
		t.Errorf("%s", got.fault())
	}
}
