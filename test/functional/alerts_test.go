package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const monitoring = "../../deploy/monitoring"

// alert is a rule of deploy/monitoring.
type alert struct {
	Alert       string
	Expr        string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	text, err := os.ReadFile(filepath.Join(monitoring, "faas.rules.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// TestAlerts has promtool check the rules, and holds each against the page that says what to do.
func TestAlerts(t *testing.T) {
	page, err := os.ReadFile("../../docs/admin/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		_, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "docs/admin/alerts.md#")
		if anchor != strings.ToLower(a.Alert) || !strings.Contains(string(page), "\n## "+a.Alert+"\n") {
			t.Errorf("docs/admin/alerts.md does not say what to do about %s, or %q does not lead there", a.Alert, anchor)
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed: apt-get install prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "faas.rules.yaml"}, {"test", "rules", "faas.rules.test.yaml"}} {
		check := exec.Command(promtool, args...)
		check.Dir = monitoring
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
