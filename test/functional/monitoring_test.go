package functional

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// prometheus is a real one, which scrapes every second.
type prometheus struct {
	*testing.T
	at string
}

// watch starts a Prometheus with our rules that scrapes the target.
func watch(ctx context.Context, t *testing.T, target string) prometheus {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("Prometheus is not installed: apt-get install prometheus")
	}
	dir := t.TempDir()
	rules, err := filepath.Abs(filepath.Join(monitoring, "faas.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n"+
		"- {job_name: faas-api, static_configs: [{targets: [%q]}]}\n", rules, target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yaml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port := "127.0.0.1", ports.Free(t)
	at := net.JoinHostPort(host, port)
	run := exec.Command(program, "--config.file", filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", at, "--log.level", "error")
	run.Stderr = os.Stderr
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		_ = run.Wait()
	})
	p := prometheus{t, "http://" + at}
	await(ctx, t, "Prometheus", func() bool {
		answer, err := http.Get(p.at + "/-/ready")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return p
}

// ask returns how many series a query has now, without those that are no number.
func (p prometheus) ask(query string) int {
	p.Helper()
	var got struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	p.get("/api/v1/query?query="+url.QueryEscape(query), &got)
	if got.Status != "success" {
		p.Errorf("%s: %s", query, got.Error)
	}
	isNaN := func(r struct{ Value [2]any }) bool { return r.Value[1] == "NaN" }
	return len(slices.DeleteFunc(got.Data.Result, isNaN))
}

func (p prometheus) get(path string, to any) {
	p.Helper()
	answer, err := http.Get(p.at + path)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(to); err != nil {
		p.Fatal(err)
	}
}

// queries returns those of the dashboard, with a range in the place of Grafana's.
func queries(t *testing.T) (all map[string]string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile(filepath.Join(monitoring, "faas.dashboard.json"))
	if err == nil {
		err = json.Unmarshal(text, &dashboard)
	}
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all[strings.ReplaceAll(target.Expr, "$__rate_interval", "2m")] = p.Title
		}
	}
	return all
}

// monitored starts a service and a Prometheus that scrapes it.
func monitored(ctx context.Context, t *testing.T) (*apiclient.Service, prometheus) {
	t.Helper()
	host, port := "127.0.0.1", ports.Free(t)
	var log logBuffer
	conf := "[engine]\npool_size = 1\n[api]\nstatus_host = " + host + "\nstatus_port = " + port + "\n"
	s := start(ctx, t, t.TempDir(), conf, &log)
	t.Cleanup(func() { stop(t, s) })
	return s, watch(ctx, t, net.JoinHostPort(host, port))
}

// elsewhere are metrics that only services with notifications to others have.
var elsewhere = []string{"faas_notifications_oldest_seconds"}

// TestMonitoring has a real Prometheus scrape the service under load: every query of the dashboard
// gives data, every alert can be reckoned from metrics that there are, and none rings.
func TestMonitoring(t *testing.T) {
	ctx := testContext(t)
	s, p := monitored(ctx, t)
	unload := underLoad(ctx, t, newest(s.Client))
	all := queries(t)
	defer func() {
		for query, title := range all {
			t.Errorf("there was no data for %s: %s", title, query)
		}
	}()
	if len(all) < 30 {
		t.Fatalf("the dashboard has %d queries", len(all))
	}
	// A rate needs two samples that differ: the service is used until each query has its data.
	await(ctx, t, "every query has data", func() bool {
		maps.DeleteFunc(all, func(query, _ string) bool { return p.ask(query) > 0 })
		return len(all) == 0
	})
	unload()
	for _, metric := range metricsOfAlerts(t) {
		if !slices.Contains(elsewhere, metric) && p.ask(metric) == 0 {
			t.Errorf("an alert is about %s, of which there is nothing", metric)
		}
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, State string }
			}
		}
	}
	p.get("/api/v1/rules", &rules)
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			if r.Health == "err" || r.State == "firing" {
				t.Errorf("the alert %s is %s, and %s", r.Name, r.Health, r.State)
			}
		}
	}
}

func metricsOfAlerts(t *testing.T) (all []string) {
	t.Helper()
	for _, a := range alerts(t) {
		all = append(all, regexp.MustCompile(`\bfaas_[a-z_]+`).FindAllString(a.Expr, -1)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
