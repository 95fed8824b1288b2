package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
)

var aliases = newResource(table{name: "aliases", noun: "alias"}, []column[faas.Alias]{
	{name: "id", at: func(a *faas.Alias) any { return &a.ID }, kind: code, index: indexOfEach, rule: insertOnly},
	{name: "project_id", at: func(a *faas.Alias) any { return &a.ProjectID }, kind: text, index: indexOfValue,
		rule: insertOnly},
	{name: "name", at: func(a *faas.Alias) any { return &a.Name }, kind: text, rule: insertOnly},
	{name: "function_id", at: func(a *faas.Alias) any { return &a.FunctionID }, kind: code, index: indexOfValue},
	{name: "function_version", at: func(a *faas.Alias) any { return &a.Version }, kind: number},
	{name: "canary_version", at: func(a *faas.Alias) any { return &a.Canary.Version }},
	{name: "canary_percent", at: func(a *faas.Alias) any { return &a.Canary.Percent }},
	{name: "description", at: func(a *faas.Alias) any { return &a.Description }, kind: text},
	{name: "created_at", at: func(a *faas.Alias) any { return timeColumn{&a.CreatedAt} }, kind: instant,
		index: indexOfRange, rule: insertOnly},
	{name: "updated_at", at: func(a *faas.Alias) any { return timeColumn{&a.UpdatedAt} }, kind: instant},
})

// selectAlias reads an alias by its project and name.
var selectAlias = `SELECT ` + aliases.selected + ` FROM aliases WHERE project_id = ? AND name = ?`

// aliasName is what tells aliases apart.
type aliasName struct{ project, name string }

// AliasChange is what UpdateAlias changes; nil leaves a field as it is.
type AliasChange struct {
	FunctionID  *string
	Version     *int
	Canary      *faas.Canary
	Description *string
}

// CreateAlias records an alias and returns it as recorded. An empty ID or CreatedAt is filled in. A
// function or a version that the project does not have is a faas.NotFound, a name that the project
// has already a faas.Conflict. What the project has then is within the quota, which may be nil, or
// the error is a faas.OverQuota.
func (s *FunctionStore) CreateAlias(ctx context.Context, a faas.Alias, quota faas.Amounts) (faas.Alias, error) {
	if a.ID == "" {
		a.ID = faas.NewID()
	}
	if a.CreatedAt.IsZero() {
		a.CreatedAt = s.now()
	}
	a.CreatedAt, a.UpdatedAt = moment(micros(a.CreatedAt)), moment(micros(a.UpdatedAt))
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.references.mayPoint(a); err != nil {
			return err
		}
		if err := t.quota.use(a.ProjectID, faas.ResourceAliases, +1, quota); err != nil {
			return err
		}
		query, args := aliases.insert(t.grammar, &a)
		_, err := t.exec(query, args...)
		if t.dialect.fault(err) == duplicate {
			return faas.Errorf(faas.Conflict, "The project has a function alias %s already; choose another name.", a.Name)
		}
		return err
	})
	return a, err
}

// mayPoint checks that the project has what the alias is to stand for, and keeps that from being
// deleted until the commit.
func (t references) mayPoint(a faas.Alias) error {
	err := t.mayCall(a.ProjectID, faas.FunctionRef{FunctionID: a.FunctionID, Version: a.Version})
	if err != nil || a.Canary.Percent == 0 {
		return err
	}
	return t.mayCall(a.ProjectID, faas.FunctionRef{FunctionID: a.FunctionID, Version: a.Canary.Version})
}

// Alias returns an alias of the one project that the scope sees.
func (s *FunctionStore) Alias(ctx context.Context, scope faas.Scope, name string) (faas.Alias, error) {
	if scope.ProjectID() == "" {
		return faas.Alias{}, noAlias(name)
	}
	a, err := s.aliases.get(ctx, aliasName{scope.ProjectID(), name})
	if errors.Is(err, sql.ErrNoRows) {
		return faas.Alias{}, noAlias(name)
	}
	return a, unavailable(err)
}

func (s *FunctionStore) readAlias(ctx context.Context, of aliasName) (faas.Alias, error) {
	return aliases.scan(s.get.one(ctx, s.get.alias, of.project, of.name))
}

// Aliases lists what the scope sees.
func (s *FunctionStore) Aliases(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Alias], error) {
	return list(ctx, s.core, &aliases, scope, q)
}

// UpdateAlias changes an alias and returns it as it is now. A call that resolves it meanwhile gets
// what it stood for before or what it stands for after, nothing between. What it stands for must be
// there, as for CreateAlias.
func (s *FunctionStore) UpdateAlias(
	ctx context.Context, scope faas.Scope, name string, change AliasChange,
) (faas.Alias, error) {
	var a faas.Alias
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if a, err = t.aliases.get(scope, name, t.grammar.forUpdate); err != nil {
			return err
		}
		change.apply(&a)
		a.UpdatedAt = s.timestamp()
		if err := t.references.mayPoint(a); err != nil {
			return err
		}
		query, args := aliases.update(a.ID, &a)
		_, err = t.exec(query, args...)
		return err
	})
	if err != nil {
		return faas.Alias{}, err
	}
	return a, nil
}

// apply changes an alias. A canary that becomes the version that all calls get, or whose function is
// not the alias's any more, ends.
func (c AliasChange) apply(a *faas.Alias) {
	if c.FunctionID != nil && *c.FunctionID != a.FunctionID {
		a.FunctionID, a.Canary = *c.FunctionID, faas.Canary{}
	}
	set(&a.Version, c.Version)
	set(&a.Canary, c.Canary)
	set(&a.Description, c.Description)
	if a.Canary.Percent == 0 || a.Canary.Version == a.Version {
		a.Canary = faas.Canary{}
	}
}

// DeleteAlias forgets an alias. The error's kind is faas.Conflict while something calls it.
func (s *FunctionStore) DeleteAlias(ctx context.Context, scope faas.Scope, name string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		a, err := t.aliases.get(scope, name, t.grammar.forUpdate)
		if err != nil {
			return err
		}
		if err := t.references.aliasUncalled(a.ProjectID, name); err != nil {
			return err
		}
		if n, err := t.exec(`DELETE FROM aliases WHERE id = ?`, a.ID); err != nil || n == 0 {
			return err
		}
		return t.quota.use(a.ProjectID, faas.ResourceAliases, -1, nil)
	})
}

// aliasRows are aliases within a transaction.
type aliasRows struct{ *statements }

// get returns an alias of the one project that the scope sees, under a lock, one of the grammar's.
func (t aliasRows) get(scope faas.Scope, name, lock string) (faas.Alias, error) {
	a, err := aliases.scan(t.queryRow(selectAlias+lock, scope.ProjectID(), name))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !scope.Sees(a.ProjectID) {
		return faas.Alias{}, noAlias(name)
	}
	return a, err
}

func noAlias(name string) error {
	return faas.Errorf(faas.NotFound, "Function alias %s can not be found.", name)
}

// resolveAlias returns what a call by the alias runs now.
func (s *FunctionStore) resolveAlias(ctx context.Context, scope faas.Scope, name string) (faas.Callable, error) {
	for try := 1; ; try++ {
		a, err := s.Alias(ctx, scope, name)
		if err != nil {
			return faas.Callable{}, err
		}
		c, err := s.resolveVersion(ctx, scope, a.FunctionID, s.canaries.version(a))
		// What an alias stands for is not deleted: where it is gone, the alias was moved since it
		// was read.
		if faas.KindOf(err) != faas.NotFound || try == aliasTries {
			return c, err
		}
	}
}

// aliasTries is how often a call reads an alias that is moved under its eyes.
const aliasTries = 3
