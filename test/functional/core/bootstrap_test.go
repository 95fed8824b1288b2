package core

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// operator runs faas-manage bootstrap for a user, a project and a region of the test's own. The
// service is the cloud's, and so is the URL for users: whoever finds the test's endpoint meanwhile
// reaches the API all the same.
type operator struct {
	admin  map[string]string // the administrator's variables
	name   string            // of user, project and region
	public string
}

func (o *operator) run(ctx context.Context, t *testing.T, password string, more ...string) (string, error) {
	t.Helper()
	args := append([]string{
		"bootstrap", "--region", o.name, "--public-url", o.public, "--password-file", "-",
	}, more...)
	cmd := exec.CommandContext(ctx, repository+"/bin/faas-manage", args...)
	cmd.Env = []string{"FAAS_KEYSTONE_AUTHTOKEN_USERNAME=" + o.name, "FAAS_KEYSTONE_AUTHTOKEN_PROJECT_NAME=" + o.name}
	for name, value := range o.admin {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(password + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if strings.Contains(out.String(), password) {
		t.Errorf("the password is printed: %s", &out)
	}
	return out.String(), err
}

// want runs it and wants these lines among what it prints.
func (o *operator) want(ctx context.Context, t *testing.T, lines []string, more ...string) {
	t.Helper()
	out, err := o.run(ctx, t, "s3cret-of-"+o.name, more...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	printed := strings.Split(out, "\n")
	for _, line := range lines {
		if !slices.Contains(printed, line) {
			t.Fatalf("bootstrap %s: no line %q in\n%s", strings.Join(more, " "), line, out)
		}
	}
}

// forget deletes what the test has had made.
func (o *operator) forget(ctx context.Context, t *testing.T, admin string) {
	for kind, query := range map[string]string{
		"endpoints": "region_id=" + o.name, "users": "name=" + o.name, "projects": "name=" + o.name,
	} {
		found := map[string]any{}
		keystone(ctx, t, "GET", "/"+kind+"?"+query, admin, nil, &found)
		for _, one := range found[kind].([]any) {
			keystone(ctx, t, "DELETE", "/"+kind+"/"+one.(map[string]any)["id"].(string), admin, nil, nil)
		}
	}
	keystone(ctx, t, "DELETE", "/regions/"+o.name, admin, nil, nil)
}

// TestBootstrap prepares Keystone as a first installation does, and a second time.
func TestBootstrap(t *testing.T) {
	ctx := t.Context()
	variables, err := openrcValues("admin")
	must(t, err)
	admin := login(ctx, t, "admin")
	o := &operator{
		admin: variables, name: "bootstrap-" + uuid.NewString()[:8], public: admin.services["function-engine"],
	}
	would := []string{
		"would make   project " + o.name, "would make   user " + o.name,
		"would make   role service of " + o.name + " in " + o.name, "there        service faas",
		"would make   endpoint public in " + o.name + " " + o.public, "7 would be made or changed",
	}
	o.want(ctx, t, would, "--dry-run")
	o.want(ctx, t, would, "--dry-run") // for the first has made nothing
	t.Cleanup(func() { o.forget(context.WithoutCancel(ctx), t, admin.text) })
	o.want(ctx, t, []string{
		"made         user " + o.name, "made         role admin of " + o.name + " in " + o.name,
		"made         endpoint internal in " + o.name + " http://faas.internal", "7 made or changed",
	}, "--internal-url", "http://faas.internal/")

	// As another administrator might, by clouds.yaml.
	o.admin = map[string]string{"OS_CLIENT_CONFIG_FILE": cloudsYAML(t, variables)}
	o.want(ctx, t, []string{"everything is there"}, "--os-cloud", "mine", "--internal-url", "http://faas.internal")
	o.want(ctx, t, []string{
		"changed      endpoint internal in " + o.name + " http://moved, which was http://faas.internal",
		"changed      endpoint admin in " + o.name + " http://moved, which was http://faas.internal",
		"2 made or changed",
	}, "--os-cloud", "mine", "--internal-url", "http://moved")

	out, err := o.run(ctx, t, "another-one", "--os-cloud", "mine", "--internal-url", "http://moved")
	if err == nil || !strings.Contains(out, "the user "+o.name+" is not let in with this password") {
		t.Errorf("with another password: %v\n%s", err, out)
	}
	o.admin = nil
	if out, err = o.run(ctx, t, "any"); err == nil || !strings.Contains(out, "OS_AUTH_URL") {
		t.Errorf("without an administrator: %v\n%s", err, out)
	}
}

// cloudsYAML writes the administrator as the cloud "mine".
func cloudsYAML(t *testing.T, variables map[string]string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	must(t, os.WriteFile(file, []byte("clouds:\n  mine:\n    region_name: RegionOne\n    auth:\n"+
		"      auth_url: "+variables["OS_AUTH_URL"]+"\n      username: "+variables["OS_USERNAME"]+
		"\n      password: '"+variables["OS_PASSWORD"]+"'\n      project_name: "+variables["OS_PROJECT_NAME"]+
		"\n      user_domain_name: Default\n      project_domain_name: Default\n"), 0o600))
	return file
}
