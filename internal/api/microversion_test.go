package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestMicroversionsAreAskedForAndEchoed(t *testing.T) {
	s := newService(t)
	next := request.Microversion{Major: request.MaxVersion.Major, Minor: request.MaxVersion.Minor + 1}
	for header, want := range map[string]struct {
		status int
		echo   string
	}{
		"":                    {200, "1.0"},
		"function-engine 1.0": {200, "1.0"},
		"function-engine 1.1": {200, "1.1"},
		"function-engine 1.2": {200, "1.2"},
		"function-engine " + request.MaxVersion.String():  {200, request.MaxVersion.String()},
		"function-engine latest":                          {200, request.MaxVersion.String()},
		"Function-Engine  1.1 ":                           {200, "1.1"},
		"compute 2.90":                                    {200, "1.0"},
		"compute":                                         {200, "1.0"},
		"compute 2.90,function-engine 1.1, identity 3.14": {200, "1.1"},
		"function-engine 1.1, function-engine 1.1":        {200, "1.1"},
		"function-engine 1.0, function-engine 1.1":        {400, "1.0"},
		"function-engine":                                 {400, "1.0"},
		"function-engine 1":                               {400, "1.0"},
		"function-engine 1.":                              {400, "1.0"},
		"function-engine 1.01":                            {400, "1.0"},
		"function-engine +1.1":                            {400, "1.0"},
		"function-engine 1.1.1":                           {400, "1.0"},
		"function-engine newest":                          {400, "1.0"},
		"function-engine " + next.String():                {406, "1.0"},
		"function-engine 0.9":                             {406, "1.0"},
		"function-engine 2.0":                             {406, "1.0"},
		"function-engine 999999.999999":                   {406, "1.0"},
		"function-engine 9999999.0":                       {400, "1.0"},
	} {
		got := s.send(
			testRequest{method: "GET", path: "/v1/functions", header: map[string]string{"OpenStack-API-Version": header}},
		)
		if got.status != want.status {
			t.Errorf("%q: %d %s, want %d", header, got.status, got.body, want.status)
		}
		if echo := got.header.Get("OpenStack-API-Version"); echo != "function-engine "+want.echo {
			t.Errorf("%q: the answer is of %q, want %s", header, echo, want.echo)
		}
		if !slices.Contains(got.header.Values("Vary"), "OpenStack-API-Version") {
			t.Errorf("%q: Vary is %q", header, got.header.Values("Vary"))
		}
	}
}

func TestAVersionThatIsNotThereNamesThoseThatAre(t *testing.T) {
	s := newService(t, func(c *Config) { c.PublicEndpoint = "https://cloud:7070" })
	got := s.send(
		testRequest{
			method: "GET",
			path:   "/v1/functions",
			header: map[string]string{"OpenStack-API-Version": "function-engine 1.999"},
		},
	)
	var f answer.Fault
	got.decode(t, &f)
	if got.status != http.StatusNotAcceptable || len(f.Errors) != 1 ||
		!strings.Contains(f.Faultstring, "The minimum is 1.0 and the maximum is "+request.MaxVersion.String()+".") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	e := f.Errors[0]
	if e.Code != "faas.microversion-unsupported" || e.MinVersion != "1.0" || e.MaxVersion != request.MaxVersion.String() || len(e.Links) != 1 ||
		e.Links[0] != (answer.Link{Rel: "help", Href: "https://cloud:7070/v1"}) {
		t.Errorf("got %+v", e)
	}
}

// Discovery answers whatever is asked for: that is how a client finds out.
func TestDiscoveryTakesAnyVersion(t *testing.T) {
	s := newService(t)
	asked := map[string]string{"OpenStack-API-Version": "function-engine 7.7"}
	var one struct{ Version version }
	got := s.send(testRequest{method: "GET", path: "/v1", header: asked})
	got.decode(t, &one)
	if got.status != 200 || one.Version.Version != request.MaxVersion.String() || one.Version.Min != "1.0" || one.Version.Status != "CURRENT" {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = s.send(testRequest{method: "GET", path: "/", header: asked})
	if got.status != 200 || got.header.Get("OpenStack-API-Version") != "" {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// Errors that come before any route are of a version too.
func TestErrorsAreOfAVersion(t *testing.T) {
	s := newService(t)
	for path, status := range map[string]int{"/v1/nothing": 404, "/v1/functions/" + unknownID: 404} {
		got := s.send(
			testRequest{method: "GET", path: path, header: map[string]string{"OpenStack-API-Version": "function-engine 1.1"}},
		)
		if got.status != status || got.header.Get("OpenStack-API-Version") != "function-engine 1.1" {
			t.Errorf("%s: %d, %v", path, got.status, got.header)
		}
	}
	got := s.send(testRequest{method: "GET", path: "/v1/functions", identity: "none"})
	if got.status != 401 || got.header.Get("OpenStack-API-Version") != "function-engine 1.0" {
		t.Errorf("%d, %v", got.status, got.header)
	}
}

func TestRoutesOfLaterVersionsAreNotThereBefore(t *testing.T) {
	s := newService(t)
	answer := func(*http.Request, faas.Identity) (any, error) { return answer.PlainText("new"), nil }
	add := func(path string, routes map[string]call) {
		s.api.router.Handle(path, s.api.router.methods(path, routes))
	}
	add("/v1/later", map[string]call{"GET": {s.api.router.adapt(route{"GET", "/v1/later", "", answer, request.V11}), request.V11}})
	add("/v1/both", map[string]call{
		"GET": {s.api.router.adapt(route{"GET", "/v1/both", "", answer, request.V10}), request.V10},
		"PUT": {s.api.router.adapt(route{"PUT", "/v1/both", "", answer, request.V11}), request.V11},
	})
	for _, c := range []struct {
		method, path, version string
		status                int
		allow                 string
	}{
		{"GET", "/v1/later", "1.0", 404, ""}, {"GET", "/v1/later", "1.1", 200, ""}, {"PUT", "/v1/later", "1.0", 404, ""}, {"PUT", "/v1/later", "1.1", 405, "GET"},
		{"PUT", "/v1/both", "1.0", 405, "GET"}, {"PUT", "/v1/both", "1.1", 200, ""}, {"DELETE", "/v1/both", "1.1", 405, "GET, PUT"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, s.server.URL+c.path, nil)
		s.must(err)
		r.Header.Set("OpenStack-API-Version", "function-engine "+c.version)
		got, err := http.DefaultClient.Do(r)
		s.must(err)
		got.Body.Close()
		if got.StatusCode != c.status || got.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s at %s: %d, allowed %q", c.method, c.path, c.version, got.StatusCode, got.Header.Get("Allow"))
		}
	}
}
