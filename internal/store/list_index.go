package store

import "github.com/openstack-faas/faas/internal/faas"

// A server's optimiser goes by estimates, which for a table with partitions are poor: now and then
// it reads and sorts all executions of a project, or of everybody, to show the newest hundred. So
// lists of executions say which index has their rows in order. SQLite has one table and needs no
// advice.

// listIndex is the index that has rows with one value of a field in the order of (created_at, id).
type listIndex struct{ field, name string }

// indexFor returns the index that has a list's rows in order; "" when it is the database's choice.
func (t *table) indexFor(scope faas.Scope, filters []faas.Filter) string {
	if len(t.indexes) == 0 {
		return ""
	}
	one := map[string]bool{"project_id": scope.ProjectID() != "", "": true}
	for _, f := range filters {
		if f.Op != "eq" && f.Op != "in" {
			continue
		}
		if f.Field == "id" { // each is found by itself
			return ""
		}
		one[f.Field] = one[f.Field] || f.Op == "eq" && len(f.Values) == 1
	}
	for _, x := range t.indexes {
		if one[x.field] {
			return x.name
		}
	}
	return ""
}

// indexesOfExecutions are those of the fewest rows first. The last is for all.
var indexesOfExecutions = []listIndex{
	{"trigger_id", "executions_of_trigger"},
	{"function_id", "executions_of_function"},
	{"project_id", "executions_of_project"},
	{"", "executions_by_age"},
}

// forced is a table, or partitions of it, where a server reads it by the index.
func (g grammar) forced(from, index string) string {
	if !g.fenced || index == "" {
		return from
	}
	return from + " FORCE INDEX (" + index + ")"
}
