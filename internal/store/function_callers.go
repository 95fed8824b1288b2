package store

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// caller is a table whose rows name what they call, in the three columns of a faas.FunctionRef:
// function_id (NULL where an alias says it), function_version and function_alias (empty where there
// is none). Aliases have two versions and name no alias. What a row names must be there when the
// row is written, and cannot be deleted while the row is there. Both are said in this file only: a
// table joins by a line in callers, with an index on function_id and one on (project_id,
// function_alias).
type caller struct {
	table string
	noun  string // of one row, for people
	name  string // the column by which people know a row

	versions string // the columns that may have a version; "" for function_version
	noAlias  bool   // there is no column function_alias
	live     string // a condition that rows meet which still call, "" where all do
}

var callers = []caller{
	{table: "jobs", noun: "job", name: "id", live: ` AND status IN ('running', 'paused')`},
	{table: "webhooks", noun: "webhook", name: "id"},
	{table: "triggers", noun: "trigger", name: "id", live: ` AND status <> 'deleting'`},
	{table: "aliases", noun: "alias", name: "name", versions: "function_version, canary_version", noAlias: true},
}

// references are what rows of callers name, within a transaction.
type references struct {
	*statements
	aliases aliasRows
}

// mayCall checks, in the transaction that writes a row of callers, that the project has what the
// row names, and keeps it from being deleted until the commit. The error's kind is faas.NotFound
// when it has not.
func (t references) mayCall(projectID string, ref faas.FunctionRef) error {
	switch {
	case ref.Alias != "":
		_, err := t.aliases.get(faas.OneProject(projectID), ref.Alias, t.grammar.forShare)
		return err
	case ref.FunctionID == "":
		return faas.Errorf(faas.Invalid, "function_id is required where there is no function_alias, also beside a function_version.")
	}
	f, err := functions.scan(t.queryRow(functions.selectByID()+t.grammar.forShare, ref.FunctionID))
	if err != nil {
		return missing("function", ref.FunctionID, err)
	}
	if f.ProjectID != projectID {
		return unseen("function", ref.FunctionID, f.ProjectID)
	}
	if ref.Version == 0 {
		return nil
	}
	var there int
	err = t.queryRow(`SELECT COUNT(*) FROM function_versions WHERE function_id = ? AND version_number = ?`,
		ref.FunctionID, ref.Version).Scan(&there)
	if err == nil && there == 0 {
		return noVersion(ref.FunctionID, ref.Version)
	}
	return err
}

// functionUncalled returns a faas.Conflict that names the rows which call the function, any version
// of it; nil when none does. The transaction has locked the function's row.
func (t references) functionUncalled(id string) error {
	return t.uncalled("Function "+id, func(caller) string { return `function_id = ?` }, id)
}

// versionUncalled is functionUncalled for one version.
func (t references) versionUncalled(functionID string, number int) error {
	return t.uncalled(fmt.Sprintf("Version %d of function %s", number, functionID), func(c caller) string {
		return `function_id = ? AND ? IN (` + cmp.Or(c.versions, "function_version") + `)`
	}, functionID, int64(number))
}

// aliasUncalled is functionUncalled for an alias, whose row the transaction has locked.
func (t references) aliasUncalled(projectID, name string) error {
	return t.uncalled("Function alias "+name, func(c caller) string {
		if c.noAlias {
			return ""
		}
		return `project_id = ? AND function_alias = ?`
	}, projectID, name)
}

// namedUsers is how many rows of each kind a refusal names.
const namedUsers = 3

// uncalled returns a faas.Conflict that names the rows of callers which a condition on their table
// finds, nil when there are none. A table without a condition is passed over.
func (t references) uncalled(what string, conditionOn func(caller) string, args ...any) error {
	var users []string
	for _, c := range callers {
		condition := conditionOn(c)
		if condition == "" {
			continue
		}
		rows, err := t.query(
			`SELECT `+c.name+` FROM `+c.table+` WHERE `+condition+c.live+` LIMIT ?`,
			append(args[:len(args):len(args)], namedUsers+1)...,
		)
		if err != nil {
			return err
		}
		names, err := scanAll(rows, func(row scanner) (name string, err error) { return name, row.Scan(&name) })
		switch {
		case err != nil:
			return err
		case len(names) > namedUsers:
			users = append(users, plural(c.noun)+" "+strings.Join(names[:namedUsers], ", ")+" and others")
		case len(names) > 1:
			users = append(users, plural(c.noun)+" "+strings.Join(names, ", "))
		case len(names) == 1:
			users = append(users, c.noun+" "+names[0])
		}
	}
	if len(users) == 0 {
		return nil
	}
	return faas.Errorf(faas.Conflict, "%s is in use by %s; delete or change them first.", what, strings.Join(users, "; "))
}

func plural(noun string) string {
	if strings.HasSuffix(noun, "s") {
		return noun + "es"
	}
	return noun + "s"
}
