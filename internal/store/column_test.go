package store

import (
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestSeldomColumns are written with an execution that has one, and with those that share its
// statement; others cost what they cost without them.
func TestSeldomColumns(t *testing.T) {
	plain, triggered := faas.Execution{ID: "a"}, faas.Execution{ID: "b", TriggerID: "t"}
	followed := faas.Execution{ID: "c", FollowUp: true}
	g := grammar{now: "NOW"}
	for what, c := range map[string]struct {
		rows []*faas.Execution
		has  bool
	}{
		"one":               {[]*faas.Execution{&plain}, false},
		"several":           {[]*faas.Execution{&plain, &plain}, false},
		"one of a trigger":  {[]*faas.Execution{&triggered}, true},
		"one with a sequel": {[]*faas.Execution{&followed}, true},
		"a mixture":         {[]*faas.Execution{&plain, &followed, &plain}, true},
	} {
		query, args := executions.insert(g, c.rows...)
		for _, column := range []string{"trigger_id", "follow_up"} {
			if strings.Contains(query, column) != c.has {
				t.Errorf("%s: %s", what, query)
			}
		}
		if n := strings.Count(query, "?"); n != len(args) {
			t.Errorf("%s: %d arguments for %d places", what, len(args), n)
		}
	}
}
