package service

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestClientMetrics sends one request each of two services through counted transports.
func TestClientMetrics(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	registry := prometheus.NewRegistry()
	m := newClientMetrics(registry)
	for _, service := range []string{"swift", "kubernetes"} {
		client := http.Client{Transport: m.of(service, server.Client().Transport)}
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range families {
		for _, series := range f.GetMetric() {
			name := f.GetName()
			for _, l := range series.GetLabel() {
				name += " " + l.GetValue()
			}
			seen[name] = true
		}
	}
	for _, want := range []string{
		"faas_client_requests_total 418 get swift", "faas_client_requests_total 418 get kubernetes",
		"faas_client_request_duration_seconds get swift",
	} {
		if !seen[want] {
			t.Errorf("there is no %q among %v", want, seen)
		}
	}
}
