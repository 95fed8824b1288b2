package functional

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const kolla = "../../deploy/kolla/"

// TestKollaStart does with the files for Kolla what its containers do at their start: the command
// of config.json runs after the script, unless that was told to prepare the database.
func TestKollaStart(t *testing.T) {
	folder := t.TempDir()
	conf := filepath.Join(folder, "faas.conf")
	database := filepath.Join(folder, "faas.sqlite")
	if err := os.WriteFile(conf, []byte("[database]\nconnection = sqlite:///"+database+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(kolla + "docker/faas/faas-base/extend_start.sh")
	if err != nil {
		t.Fatal(err)
	}
	here := filepath.Join(folder, "extend_start")
	moved := strings.ReplaceAll(string(script), "/etc/faas/faas.conf", conf)
	if err := os.WriteFile(here, []byte(moved), 0o600); err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	start := func(more ...string) string {
		cmd := exec.CommandContext(t.Context(), "bash", "-ec", ". "+here+"; echo the service starts")
		cmd.Env = append([]string{"PATH=" + programs + ":/usr/bin:/bin"}, more...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := start(); out != "the service starts\n" {
		t.Errorf("it prints %s", out)
	}
	if _, err := os.Stat(database); err == nil {
		t.Error("the database was made without KOLLA_BOOTSTRAP")
	}
	for range 2 { // empty is set, too
		if out := start("KOLLA_BOOTSTRAP="); !strings.HasPrefix(out, "database schema: ") ||
			strings.Contains(out, "starts") {
			t.Errorf("with KOLLA_BOOTSTRAP it prints %s", out)
		}
	}
}

// TestKollaConfig checks what kolla_set_configs wants of a config.json.
func TestKollaConfig(t *testing.T) {
	for _, service := range []string{"faas-api", "faas-engine"} {
		text, err := os.ReadFile(kolla + "config/" + service + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Command     string
			ConfigFiles []struct{ Source, Dest, Owner, Perm string } `json:"config_files"`
			Permissions []struct{ Path, Owner, Perm string }
		}
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		words := strings.Fields(config.Command)
		if words[0] != service {
			t.Errorf("%s runs %s", service, config.Command)
		}
		if out, err := exec.CommandContext(t.Context(), "../../bin/"+words[0], "--version").CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", words[0], err, out)
		}
		copied := false
		for _, file := range config.ConfigFiles {
			if file.Source == "" || file.Owner == "" || file.Perm == "" {
				t.Errorf("%s: %+v lacks something", service, file)
			}
			copied = copied || file.Dest == words[len(words)-1]
		}
		if !copied {
			t.Errorf("%s: its configuration file is not copied", service)
		}
	}
}

// TestKollaTemplates renders the Dockerfiles, with a macro in place of Kolla's own, and looks for
// what they copy and what they stand on.
func TestKollaTemplates(t *testing.T) {
	const render = `
import pathlib, sys
import jinja2
folder = pathlib.Path(sys.argv[1])
loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder), jinja2.DictLoader({
    'macros.j2': "{% macro configure_user(name) %}RUN usermod {{ users[name].uid }} {{ name }}{% endmacro %}"})])
environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined)
for path in sorted(folder.rglob('Dockerfile.j2')):
    print(f'# {path.parent}')
    print(environment.get_template(str(path.relative_to(folder))).render(
        namespace='kolla', image_prefix='', tag='1', maintainer='me', image_name=path.parent.name, build_date='today',
        users={'faas': {'uid': 42490, 'gid': 42490}}))
`
	const python = "/usr/bin/python3"
	if exec.CommandContext(t.Context(), python, "-c", "import jinja2").Run() != nil {
		t.Skip("python3-jinja2 is not installed")
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", render, kolla+"docker/faas").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folder, bases := "", map[string]bool{"kolla/base:1": true, "kolla/faas-base:1": true}
	for _, line := range strings.Split(string(out), "\n") {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# "+kolla):
			folder = words[1]
		case strings.HasPrefix(line, "FROM ") && !bases[words[1]]:
			t.Errorf("%s stands on %s", folder, words[1])
		case strings.HasPrefix(line, "COPY "):
			if _, err := os.Stat(filepath.Join(folder, words[1])); err != nil {
				t.Errorf("%s copies what is not there: %v", folder, err)
			}
		}
	}
	if strings.Count(string(out), "FROM ") != 3 || !strings.Contains(string(out), "RUN usermod 42490 faas") {
		t.Errorf("rendered\n%s", out)
	}
}
