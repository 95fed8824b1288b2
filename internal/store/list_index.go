package store

import (
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// A server's optimiser goes by estimates, which for a table with partitions are poor: now and then
// it reads and sorts all executions of a project, or of everybody, to show the newest hundred. So
// lists of executions say which index has their rows in order. SQLite has one table and needs no
// advice.

// listIndex is an index that has rows with one value of each of its fields in the order of
// (created_at, id).
type listIndex struct {
	name   string
	fields []string
}

// indexFor returns the index that has a list's rows in order; one without a name when it is the
// database's choice.
func (t *table) indexFor(scope faas.Scope, filters []faas.Filter) listIndex {
	if len(t.indexes) == 0 {
		return listIndex{}
	}
	one := map[string]bool{"project_id": scope.ProjectID() != ""}
	for _, f := range filters {
		if f.Field == "id" && (f.Op == "eq" || f.Op == "in") { // each is found by itself
			return listIndex{}
		}
		one[f.Field] = one[f.Field] || t.fields[f.Field].oneValue(f)
	}
	for _, x := range t.indexes {
		if !slices.ContainsFunc(x.fields, func(field string) bool { return !one[field] }) {
			return x
		}
	}
	return listIndex{}
}

// oneValue reports whether the filter has rows with one value of the field only.
func (f field) oneValue(filter faas.Filter) bool {
	if filter.Op != "eq" || len(filter.Values) != 1 {
		return false
	}
	return f.kind != state || filter.Values[0] != string(faas.ExecutionRunning) // that is two to the database
}

// finds reports whether the index has the rows of the filter stand together.
func (x listIndex) finds(f field, filter faas.Filter) bool {
	return slices.Contains(x.fields, filter.Field) && f.oneValue(filter)
}

// indexesOfExecutions are those of the fewest rows first. The last is for all.
var indexesOfExecutions = []listIndex{
	{"executions_of_trigger", []string{"trigger_id"}},
	{"executions_of_function", []string{"function_id"}},
	{"executions_by_status", []string{"project_id", "status"}},
	{"executions_of_project", []string{"project_id"}},
	{"executions_by_age", nil},
}

// forced is a table, or partitions of it, where a server reads it by the index.
func (g grammar) forced(from, index string) string {
	if !g.fenced || index == "" {
		return from
	}
	return from + " FORCE INDEX (" + index + ")"
}
