package policy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/openstack-faas/faas/internal/faas"
)

func newEnforcer(t testing.TB, files map[string]string) (*Enforcer, string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := New(t.Context(), Options{Dirs: []string{"/nonexistent/policy.d", dir}})
	return e, dir, err
}

func who(roles ...string) faas.Identity {
	return faas.Identity{UserID: "u", ProjectID: "mine", Roles: roles}
}

func may(e *Enforcer, id faas.Identity, rule, project string) bool {
	return e.Allow(context.Background(), id, rule, Target{ProjectID: project}) == nil
}

// The rules' own tests run as part of this package's.
func TestRego(t *testing.T) {
	modules, store, err := tester.Load([]string{"../../etc/policy"}, func(_ string, info os.FileInfo, _ int) bool {
		return !info.IsDir() && filepath.Ext(info.Name()) != ".rego"
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s: %v", r.Name, r.Error)
		}
	}
	if ran < 10 {
		t.Errorf("%d tests ran", ran)
	}
}

func TestAllow(t *testing.T) {
	e, _, err := newEnforcer(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time from the cache
		if !may(e, who("member"), "function:create", "mine") || may(e, who("reader"), "function:create", "mine") {
			t.Error("a member creates functions, a reader does not")
		}
		if may(e, who("member"), "function:get", "theirs") || !may(e, who("admin"), "function:get", "theirs") {
			t.Error("another project is for an admin only")
		}
	}
	err = e.Allow(t.Context(), who("reader"), "function:create", Target{ProjectID: "mine"})
	if faas.KindOf(err) != faas.Forbidden || !strings.Contains(err.Error(), "Operation not allowed") {
		t.Errorf("got %v", err)
	}
	if may(e, who("admin"), "function:frobnicate", "mine") || e.Known("function:frobnicate") ||
		!e.Known("execution:create") {
		t.Error("an unknown rule refuses")
	}
}

func TestOverridesReplaceSingleRules(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"yaml": {"a.yaml": "# only managers\nfunction:create: [manager, 'role:auditor']\n"},
		"json": {"a.json": `{"function:create": ["manager", "role:auditor"]}`},
		"rego": {"a.rego": `package faas.override
import data.faas.personas
allow contains "function:create" if personas.manager
allow contains "function:create" if "auditor" in input.identity.roles
`},
		"the last file wins": {
			"a.rego": "package faas.override\nallow contains \"function:create\" if true\n",
			"b.yaml": "function:create: [manager, 'role:auditor']\n",
		},
		"helpers in packages of one's own": {
			"a.rego": "package site\nimport data.faas.personas\nboss if personas.manager\nboss if \"auditor\" in input.identity.roles\n",
			"b.rego": "package faas.override\nallow contains \"function:create\" if data.site.boss\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, _, err := newEnforcer(t, files)
			if err != nil {
				t.Fatal(err)
			}
			if may(e, who("member"), "function:create", "mine") {
				t.Error("the default still decides")
			}
			if !may(e, who("manager"), "function:create", "mine") || !may(e, who("auditor"), "function:create", "mine") {
				t.Error("the replacement does not decide")
			}
			if !may(e, who("member"), "function:update", "mine") {
				t.Error("another rule changed too")
			}
		})
	}
}

func TestBrokenOverridesAreRefusedWithTheirLine(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"syntax", "a.rego", "package faas.override\n\nallow contains if {", "a.rego:3: "},
		{
			"unknown name in a rule", "a.rego", "package faas.override\nallow contains \"function:create\" if nothing.here\n",
			"a.rego:2: ",
		},
		{
			"no such rule", "a.rego", "package faas.override\nallow contains \"function:make\" if true\n",
			`a.rego:2: there is no rule "function:make"; the rules are execution:cancel`,
		},
		{
			"computed name", "a.rego", "package faas.override\nallow contains name if name := input.rule\n",
			"a.rego:2: the name of a rule must be written out",
		},
		{"another form", "a.rego", "package faas.override\nallow := true\n", "a.rego:2: a rule is written"},
		{"network", "a.rego", "package faas.override\nallow contains \"function:create\" if http.send({\"url\": \"http://x\", \"method\": \"get\"}).status_code == 200\n", "a.rego:2: undefined function http.send"},
		{
			"clock", "a.rego", "package faas.override\nallow contains \"function:create\" if time.now_ns() > 0\n",
			"a.rego:2: undefined function time.now_ns",
		},
		{
			"chance", "a.rego", "package faas.override\nallow contains \"function:create\" if rand.intn(\"x\", 2) == 1\n",
			"a.rego:2: undefined function rand.intn",
		},
		{
			"environment", "a.rego", "package faas.override\nallow contains \"function:create\" if opa.runtime().env.HOME\n",
			"a.rego:2: undefined function opa.runtime",
		},
		{
			"our own package", "a.rego", "package faas.rules\n\nallow contains \"function:create\" if true\n",
			"a.rego:1: package faas.rules is the service's own",
		},
		{"yaml syntax", "a.yaml", "function:create: [manager\n", "a.yaml: yaml: line"},
		{"yaml rule", "a.yaml", "\nfunction:make: [manager]\n", `a.yaml:2: there is no rule "function:make"`},
		{"yaml persona", "a.yaml", "function:create: [boss]\n", `a.yaml:1: there is no persona "boss"`},
		{"yaml text", "a.yaml", "function:create: rule:admin\n", "a.yaml:1: function:create must be a list"},
		{"yaml list", "a.yaml", "- function:create\n", "a.yaml:1: must map rules to lists"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := newEnforcer(t, map[string]string{c.file: c.text})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestReload(t *testing.T) {
	e, dir, err := newEnforcer(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !may(e, who("member"), "function:create", "mine") {
		t.Fatal("the default decides at first")
	}
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("function:create: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if may(e, who("member"), "function:create", "mine") {
		t.Error("a decision of the old rules was remembered")
	}
	if err := os.WriteFile(file, []byte("function:create"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Reload(t.Context()); err == nil {
		t.Error("a broken file was taken")
	}
	if may(e, who("member"), "function:create", "mine") {
		t.Error("a broken file changed the rules")
	}
}

func TestTheCacheIsBoundedAndTellsInputsApart(t *testing.T) {
	var c cache
	for i := range maxDecisions + 1 {
		c.put([]byte{byte(i), byte(i >> 8)}, true)
	}
	if len(c.made) != 1 {
		t.Errorf("%d decisions", len(c.made))
	}
	c.put(make([]byte, maxKey+1), true)
	if len(c.made) != 1 {
		t.Error("a key is remembered that is too long")
	}
	one := appendKey(nil, faas.Identity{Roles: []string{"ab", "c"}}, "r", Target{})
	two := appendKey(nil, faas.Identity{Roles: []string{"a", "bc"}}, "r", Target{})
	if string(one) == string(two) {
		t.Error("two identities share a key")
	}
}

func BenchmarkAllowHit(b *testing.B) {
	e, _, err := newEnforcer(b, nil)
	if err != nil {
		b.Fatal(err)
	}
	id := who("admin", "member", "reader")
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Allow(b.Context(), id, "execution:create", Target{ProjectID: "mine"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllowCold(b *testing.B) {
	e, _, err := newEnforcer(b, nil)
	if err != nil {
		b.Fatal(err)
	}
	id := who("admin", "member", "reader")
	b.ReportAllocs()
	for b.Loop() {
		e.rules.Load().decisions.made = nil
		if err := e.Allow(b.Context(), id, "execution:create", Target{ProjectID: "mine"}); err != nil {
			b.Fatal(err)
		}
	}
}
