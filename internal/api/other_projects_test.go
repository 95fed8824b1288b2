package api

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestAdminsReadOtherProjectsThings has an admin name what is another project's: it can be read
// without a parameter, and is refused to be changed. To all others it is not there.
func TestAdminsReadOtherProjectsThings(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.newVersion(function)
	execution := s.execute(function, "", 201).ID
	private, err := s.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeAvailable},
	)
	s.must(err)
	functions, executions := "/v1/functions/", "/v1/executions/"
	for _, c := range []struct {
		method, path, body string
		admin              int // what an admin of another project is answered
		member             int // and a member
	}{
		{"GET", functions + function, "", 200, 404},
		{"GET", functions + function + "?download=true", "", 200, 404},
		{"GET", functions + function + "/versions", "", 200, 404},
		{"GET", functions + function + "/versions/1", "", 200, 404},
		{"GET", functions + function + "/versions/1?download=true", "", 200, 404},
		{"GET", executions + execution, "", 200, 404},
		{"GET", executions + execution + "/log", "", 200, 404},
		{"GET", "/v1/runtimes/" + private.ID, "", 200, 404},
		{"GET", functions + unknownID, "", 404, 404},
		{"GET", functions + function + "/versions/2", "", 404, 404},
		{"PUT", functions + function, `{"name": "x"}`, 403, 404},
		{"POST", functions + function + "/versions", `{}`, 403, 404},
		{"POST", "/v1/executions", `{"function_id": "` + function + `"}`, 403, 404},
		{"DELETE", functions + function + "/versions/1", "", 403, 404},
		{"DELETE", executions + execution, "", 403, 404},
		{"DELETE", functions + function, "", 403, 404},
		{"DELETE", functions + unknownID, "", 404, 404},
	} {
		for identity, want := range map[string]int{
			"p-two admin member reader": c.admin, "p-two member reader": c.member,
		} {
			got := s.send(testRequest{method: c.method, path: c.path, body: c.body, identity: identity})
			if got.status != want {
				t.Errorf("%s %s as %s: %d %.200s, want %d", c.method, c.path, identity, got.status, got.body, want)
			}
			if want == 403 && !strings.Contains(got.fault(), "Operation not allowed: the ") {
				t.Errorf("%s %s as %s: refused with %s", c.method, c.path, identity, got.body)
			}
		}
	}
	var list struct {
		Versions []functionVersionView `json:"function_versions"`
	}
	s.send(testRequest{method: "GET", path: functions + function + "/versions", identity: "p-two admin"}).decode(t, &list)
	if len(list.Versions) != 1 {
		t.Errorf("an admin of another project sees %d versions, want 1", len(list.Versions))
	}
	s.do("GET", functions+function+"/versions/1", "", 200)
	s.do("GET", executions+execution, "", 200)
}
