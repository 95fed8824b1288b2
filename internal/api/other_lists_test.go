package api

import (
	"slices"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestListsOfOtherProjects has an admin of another project list: what is theirs only, unless they
// ask for all projects. Members never see it, and see of runtimes those that are public.
func TestListsOfOtherProjects(t *testing.T) {
	s, _, function := newJobs(t)
	ids := map[string]string{
		"functions": function, "executions": s.execute(function, "", 201).ID,
		"jobs": s.newJob(function, `, "pattern": "0 0 * * *", "count": 1`).ID,
	}
	var made struct{ ID string }
	s.do("POST", "/v1/aliases", `{"name": "live", "function_id": "`+function+`"}`, 201).decode(t, &made)
	ids["aliases"] = made.ID
	for kind, id := range ids {
		for path, want := range map[string]bool{"/v1/" + kind: false, "/v1/" + kind + "?all_projects=true": true} {
			if got := slices.Contains(s.listedIDs(kind, path, "p-two admin member"), id); got != want {
				t.Errorf("%s has another project's: %v", path, got)
			}
		}
		got := s.send(testRequest{method: "GET", path: "/v1/" + kind + "?all_projects=true", identity: "p-two member"})
		if got.status != 403 {
			t.Errorf("%s of all projects for a member: %d", kind, got.status)
		}
	}
	private, err := s.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeAvailable},
	)
	s.must(err)
	public := s.newRuntime()
	for identity, want := range map[string]bool{"p-two member": false, project + " member": true} {
		seen := s.listedIDs("runtimes", "/v1/runtimes", identity)
		if !slices.Contains(seen, public) || slices.Contains(seen, private.ID) != want {
			t.Errorf("%s sees the runtimes %v; %s is public, %s is of %s", identity, seen, public, private.ID, project)
		}
	}
}

// listedIDs returns the ids of a list, as the identity sees it.
func (s *service) listedIDs(kind, path, identity string) (ids []string) {
	s.t.Helper()
	got := s.send(testRequest{method: "GET", path: path, identity: identity})
	if got.status != 200 {
		s.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	var list map[string]any
	got.decode(s.t, &list)
	if kind == "aliases" {
		kind = "function_aliases"
	}
	items, _ := list[kind].([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		id, _ := fields["id"].(string)
		ids = append(ids, id)
	}
	return ids
}
