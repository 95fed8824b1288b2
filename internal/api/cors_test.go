package api

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// horizon is the origin that the tests allow.
const horizon = "https://horizon.example.org"

func allowing(origins ...string) func(*Config) {
	return func(c *Config) {
		c.CORS = CORS{
			Origins: origins, Credentials: true, Expose: []string{"X-Openstack-Request-Id"}, Methods: []string{"GET", "PUT"},
			Headers: []string{"X-Auth-Token"}, MaxAge: time.Hour,
		}
	}
}

// plain sends a request that no description has, as browsers do.
func (s *service) plain(method, path string, header map[string]string) (answer struct {
	status int
	http.Header
}) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL+path, nil)
	s.must(err)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	got.Body.Close()
	answer.status, answer.Header = got.StatusCode, got.Header
	return answer
}

func TestPreflight(t *testing.T) {
	for name, c := range map[string]struct {
		origins                 []string
		origin, method, headers string
		allowed, credentials    string
	}{
		"granted":                  {[]string{horizon}, horizon, "PUT", "x-auth-token, content-type", horizon, "true"},
		"without headers":          {[]string{"https://other", horizon}, horizon, "GET", "", horizon, "true"},
		"configured with a slash":  {[]string{horizon + "/"}, horizon, "GET", "", horizon, "true"},
		"another origin":           {[]string{horizon}, "https://evil.example.org", "GET", "", "", ""},
		"an origin that begins so": {[]string{horizon}, horizon + ".evil.example.org", "GET", "", "", ""},
		"another scheme":           {[]string{horizon}, "http://horizon.example.org", "GET", "", "", ""},
		"another method":           {[]string{horizon}, horizon, "DELETE", "", "", ""},
		"another header":           {[]string{horizon}, horizon, "GET", "X-Auth-Token, X-Evil", "", ""},
		"every origin":             {[]string{"*"}, "https://any.example.org", "GET", "X-Auth-Token", "*", ""},
		"every origin among some":  {[]string{horizon, "*"}, horizon, "GET", "", "*", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, allowing(c.origins...))
			header := map[string]string{"Origin": c.origin, "Access-Control-Request-Method": c.method, "X-Test-Identity": "none"}
			if c.headers != "" {
				header["Access-Control-Request-Headers"] = c.headers
			}
			got := s.plain("OPTIONS", "/v1/functions", header)
			h := got.Header
			if got.status != http.StatusNoContent {
				t.Errorf("answered %d", got.status)
			}
			if h.Get("Access-Control-Allow-Origin") != c.allowed || h.Get("Access-Control-Allow-Credentials") != c.credentials {
				t.Errorf("got %v", h)
			}
			granted := c.allowed != ""
			if (h.Get("Access-Control-Allow-Methods") == c.method) != granted ||
				(h.Get("Access-Control-Max-Age") == "3600") != granted {
				t.Errorf("got %v", h)
			}
			if granted && h.Get("Access-Control-Allow-Headers") != c.headers {
				t.Errorf("got %v", h)
			}
			if c.allowed != "*" && c.origins[len(c.origins)-1] != "*" && !slices.Contains(h.Values("Vary"), "Origin") {
				t.Errorf("got %v", h)
			}
		})
	}
}

// What is asked for in earnest is answered as ever, errors too, and says who may read it.
func TestAnswersForPagesOfOtherOrigins(t *testing.T) {
	s := newService(t, allowing(horizon))
	for identity, status := range map[string]int{project + " member": 200, "none": 401} {
		got := s.plain("GET", "/v1/functions", map[string]string{"Origin": horizon, "X-Test-Identity": identity})
		h := got.Header
		if got.status != status || h.Get("Access-Control-Allow-Origin") != horizon ||
			h.Get("Access-Control-Expose-Headers") != "X-Openstack-Request-Id" {
			t.Errorf("%d %v", got.status, h)
		}
		if !slices.Contains(h.Values("Vary"), "Origin") || !slices.Contains(h.Values("Vary"), "OpenStack-API-Version") {
			t.Errorf("got %v", h)
		}
	}
	for _, origin := range []string{"", "https://evil.example.org"} {
		header := map[string]string{}
		if origin != "" {
			header["Origin"] = origin
		}
		got := s.plain("GET", "/v1/functions", header)
		h := got.Header
		if got.status != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "" ||
			h.Get("Access-Control-Expose-Headers") != "" ||
			!slices.Contains(h.Values("Vary"), "Origin") {
			t.Errorf("%d %v", got.status, h)
		}
	}
	if got := s.plain("OPTIONS", "/v1/functions", map[string]string{"Origin": horizon}); got.status != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS that is no question of a browser's is answered %d", got.status)
	}
}

func TestWithoutOriginsNothingIsSaidOfThem(t *testing.T) {
	s := newService(t)
	got := s.plain(
		"OPTIONS", "/v1/functions",
		map[string]string{"Origin": horizon, "Access-Control-Request-Method": "GET"},
	)
	if got.status != http.StatusMethodNotAllowed || got.Get("Access-Control-Allow-Origin") != "" ||
		slices.Contains(got.Values("Vary"), "Origin") {
		t.Errorf("%d %v", got.status, got.Header)
	}
}
