package service

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/config"
)

// TestStatusRoutes has profiles served only where the operator asks for them, and metrics unless
// they do not want any.
func TestStatusRoutes(t *testing.T) {
	well := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") })
	for name, test := range map[string]struct {
		conf              config.Metrics
		metrics, profiles int
	}{
		"by default": {config.Metrics{Enabled: true}, 200, 404},
		"all":        {config.Metrics{Enabled: true, Profiling: true}, 200, 200},
		"neither":    {config.Metrics{}, 404, 404},
	} {
		t.Run(name, func(t *testing.T) {
			routes := statusRoutes(test.conf, newRegistry(), well)
			for path, want := range map[string]int{
				"/healthcheck": 200, "/metrics": test.metrics, "/debug/pprof/": test.profiles,
				"/debug/pprof/goroutine": test.profiles, "/debug/pprof/cmdline": test.profiles, "/v1/functions": 404,
			} {
				answer := httptest.NewRecorder()
				routes.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
				if answer.Code != want {
					t.Errorf("%s: %d, want %d", path, answer.Code, want)
				}
				if path == "/metrics" && want == 200 && !strings.Contains(answer.Body.String(), "go_goroutines") {
					t.Errorf("got %s", answer.Body)
				}
			}
		})
	}
}

func TestDefaultsServeNoProfiles(t *testing.T) {
	var c config.APIService
	environ := []string{"FAAS_DEFAULT_TRANSPORT_URL=rabbit://u:p@h/", "FAAS_DATABASE_CONNECTION=mysql://u:p@h/d",
		"FAAS_WORKER_TOKEN_SECRET=" + strings.Repeat("s", 32)}
	if err := config.Load(&c, config.Sources{Environ: environ}); err != nil {
		t.Fatal(err)
	}
	if !c.Metrics.Enabled || c.Metrics.Profiling || c.API.Status() != "" {
		t.Errorf("by default %+v at %q", c.Metrics, c.API.Status())
	}
	c.API.StatusPort = 7080
	if got := c.API.Status(); got != "127.0.0.1:7080" {
		t.Errorf("status is served at %q", got)
	}
}

func TestStatusServesUntilStop(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := free.Addr().String()
	log := slog.New(slog.DiscardHandler)
	if _, err := StartStatus(t.Context(), taken, config.Metrics{}, newRegistry(), http.NotFoundHandler(), log); err == nil {
		t.Error("a port that is taken is no error")
	}
	free.Close()
	s, err := StartStatus(t.Context(), taken, config.Metrics{Enabled: true}, newRegistry(), http.NotFoundHandler(), log)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get("http://" + taken + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("got %s", answer.Status)
	}
	s.Stop()
	if answer, err = http.Get("http://" + taken + "/metrics"); err == nil {
		answer.Body.Close()
		t.Error("it still serves after Stop")
	}
}
