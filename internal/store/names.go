package store

import (
	"context"
	"strconv"

	"github.com/openstack-faas/faas/internal/faas"
)

// named is a kind of things that requests may call by their names. Names are the users' own and need
// not be unique. The query finds those of a project with a name, by an index; MySQL leaves spaces at
// the end of texts out of account, so it may find more.
type named struct {
	noun, query string
}

var (
	functionNames = named{"function",
		`SELECT id, name FROM functions WHERE project_id = ? AND name = ? ORDER BY id LIMIT ?`}
	jobNames     = named{"job", `SELECT id, name FROM jobs WHERE project_id = ? AND name = ? ORDER BY id LIMIT ?`}
	triggerNames = named{"trigger",
		`SELECT id, name FROM triggers WHERE project_id = ? AND name = ? ORDER BY id LIMIT ?`}
	// of runtimes a project sees the public ones too
	runtimeNames = named{"runtime",
		`SELECT id, name FROM runtimes WHERE (project_id = ? OR is_public = 1) AND name = ? ORDER BY id LIMIT ?`}
)

// FunctionID returns the id of the project's one function with the name. The error's kind is
// faas.NotFound when there is none, faas.Conflict with the candidates when there are several.
func (s *FunctionStore) FunctionID(ctx context.Context, projectID, name string) (string, error) {
	return s.idOf(ctx, functionNames, projectID, name)
}

// RuntimeID is FunctionID for the runtimes that the project sees: its own and the public ones.
func (s *RuntimeStore) RuntimeID(ctx context.Context, projectID, name string) (string, error) {
	return s.idOf(ctx, runtimeNames, projectID, name)
}

// JobID is FunctionID for jobs.
func (s *JobStore) JobID(ctx context.Context, projectID, name string) (string, error) {
	return s.idOf(ctx, jobNames, projectID, name)
}

// TriggerID is FunctionID for triggers.
func (s *TriggerStore) TriggerID(ctx context.Context, projectID, name string) (string, error) {
	return s.idOf(ctx, triggerNames, projectID, name)
}

func (s *core) idOf(ctx context.Context, kind named, projectID, name string) (string, error) {
	if projectID == "" || name == "" { // a token without a project; a thing without a name
		return "", notFound(kind.noun, strconv.Quote(name))
	}
	rows, err := s.readers.QueryContext(ctx, kind.query, projectID, name, faas.MaxNamed+1)
	if err != nil {
		return "", unavailable(err)
	}
	all, err := scanAll(rows, func(row scanner) (one faas.Named, err error) { return one, row.Scan(&one.ID, &one.Name) })
	if err != nil {
		return "", err
	}
	var alike []faas.Named
	for _, one := range all {
		if one.Name == name {
			alike = append(alike, one)
		}
	}
	switch len(alike) {
	case 0:
		return "", notFound(kind.noun, strconv.Quote(name))
	case 1:
		return alike[0].ID, nil
	}
	return "", faas.Ambiguous(kind.noun, name, alike)
}
