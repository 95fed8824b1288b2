package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/openstack-faas/faas/internal/faas"
)

// Nothing of a version changes but its count, which has statements of its own.
var versions = newResource(
	table{name: "function_versions", noun: "function version"}, []column[faas.FunctionVersion]{
		{name: "id", at: func(v *faas.FunctionVersion) any { return &v.ID }, kind: code, index: indexOfEach},
		{name: "function_id", at: func(v *faas.FunctionVersion) any { return &v.FunctionID }, kind: code,
			index: indexOfValue},
		{name: "project_id", at: func(v *faas.FunctionVersion) any { return &v.ProjectID }, kind: text,
			index: indexOfValue},
		{name: "version_number", at: func(v *faas.FunctionVersion) any { return &v.Number }, kind: number},
		{name: "description", at: func(v *faas.FunctionVersion) any { return &v.Description }, kind: text},
		{name: "call_count", at: func(v *faas.FunctionVersion) any { return &v.Count }, kind: number, as: "count"},
		{name: "created_at", at: func(v *faas.FunctionVersion) any { return timeColumn{&v.CreatedAt} }, kind: instant,
			index: indexOfRange},
		{name: "entry", at: func(v *faas.FunctionVersion) any { return &v.Entry }},
		{name: "code_source", at: func(v *faas.FunctionVersion) any { return &v.Code.Source }},
		{name: "code_md5", at: func(v *faas.FunctionVersion) any { return &v.Code.MD5 }},
		{name: "code_sha256", at: func(v *faas.FunctionVersion) any { return &v.Code.SHA256 }},
		{name: "code_size", at: func(v *faas.FunctionVersion) any { return &v.Code.Size }},
		{name: "code_container", at: func(v *faas.FunctionVersion) any { return &v.Code.Container }},
		{name: "code_object", at: func(v *faas.FunctionVersion) any { return &v.Code.Object }},
		{name: "code_etag", at: func(v *faas.FunctionVersion) any { return &v.Code.ETag }},
		{name: "code_image", at: func(v *faas.FunctionVersion) any { return &v.Code.Image }},
		{name: "code_digest", at: func(v *faas.FunctionVersion) any { return &v.Code.Digest }},
		{name: "code_protocol", at: func(v *faas.FunctionVersion) any { return &v.Code.Protocol }},
		{name: "cpu", at: func(v *faas.FunctionVersion) any { return &v.CPU }},
		{name: "memory_size", at: func(v *faas.FunctionVersion) any { return &v.MemorySize }},
		{name: "timeout_seconds", at: func(v *faas.FunctionVersion) any { return secondsColumn{&v.Timeout} }},
		{name: "trust_id", at: func(v *faas.FunctionVersion) any { return &v.TrustID }},
		{name: "trust_roles", at: func(v *faas.FunctionVersion) any { return namesColumn{&v.TrustRoles} }},
		{name: "environment", at: func(v *faas.FunctionVersion) any { return variablesColumn(&v.Environment) }},
		{name: "secrets", at: func(v *faas.FunctionVersion) any { return variablesColumn(&v.Secrets) }},
	})

// selectVersion reads a version by its function and number.
var selectVersion = `SELECT ` + versions.selected + ` FROM function_versions WHERE function_id = ? AND version_number = ?`

// CreateVersion freezes what a function runs now and returns the version. Its number is greater
// than that of any version that the function has had. The error's kind is faas.Forbidden when
// nothing has changed since the newest version, or it is not known which image to freeze, and
// faas.OverQuota when the function has as many versions as the quota lets it, or the project too
// many bytes of packages. The quota may be nil.
func (s *FunctionStore) CreateVersion(
	ctx context.Context, scope faas.Scope, functionID, description string, quota faas.Amounts,
) (faas.FunctionVersion, error) {
	var made faas.FunctionVersion
	err := s.recorder.do(ctx, func(t *tx) error {
		// The function's row is locked: neither its code nor its versions change meanwhile, and its
		// package and its trust are in use until this transaction says that the version has them.
		f, err := t.functions.get(scope, functionID)
		if err != nil {
			return err
		}
		if f.Code.Source == faas.SourceImage && f.Code.Digest == "" {
			return faas.Errorf(faas.Forbidden, "Function %s was made before images had digests, so that its version could "+
				"become another image. Update the function with its code, then make the version.", f.ID)
		}
		if err := t.versions.mayFreeze(f, quota); err != nil {
			return err
		}
		made = f.Freeze()
		made.ID, made.Description, made.CreatedAt = faas.NewID(), description, s.timestamp()
		if made.Number, err = t.versions.next(f.ID); err != nil {
			return err
		}
		if err := t.quota.use(f.ProjectID, faas.ResourcePackages, made.Code.Size, quota); err != nil {
			return err
		}
		query, args := versions.insert(t.grammar, &made)
		_, err = t.exec(query, args...)
		return t.already("function version", made.ID, err)
	})
	if err != nil {
		return faas.FunctionVersion{}, err
	}
	return made, nil
}

// versionRows are versions of functions within a transaction.
type versionRows struct {
	*statements
	quota    quotaUse
	packages packageNotes
	trusts   trustUses
}

// mayFreeze refuses a version of a function that has not changed since the newest one, or that
// has all the versions that it may.
func (t versionRows) mayFreeze(f faas.Function, quota faas.Amounts) error {
	var count int64
	err := t.queryRow(`SELECT COUNT(*) FROM function_versions WHERE function_id = ?`, f.ID).Scan(&count)
	if err != nil {
		return err
	}
	if err := quota.Fits(faas.ResourceVersions, count, 1); err != nil {
		return err
	}
	if f.LatestVersion == 0 {
		return nil
	}
	newest, err := versions.scan(t.queryRow(selectVersion, f.ID, f.LatestVersion))
	if err == nil && newest.RunsLike(f) {
		return faas.Errorf(faas.Forbidden, "Function %s has not changed since its version %d.", f.ID, newest.Number)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// next returns the number of the version that is about to be made.
func (t versionRows) next(functionID string) (number int, err error) {
	_, err = t.exec(`UPDATE functions SET version_counter = version_counter + 1 WHERE id = ?`, functionID)
	if err != nil {
		return 0, err
	}
	err = t.queryRow(`SELECT version_counter FROM functions WHERE id = ?`, functionID).Scan(&number)
	if err != nil {
		return 0, err
	}
	_, err = t.exec(`UPDATE functions SET latest_version = version_counter WHERE id = ?`, functionID)
	return number, err
}

// FunctionVersion returns a version of a function that the scope sees.
func (s *FunctionStore) FunctionVersion(
	ctx context.Context, scope faas.Scope, functionID string, number int,
) (faas.FunctionVersion, error) {
	v, err := s.versions.get(ctx, called{functionID, number})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return faas.FunctionVersion{}, noVersion(functionID, number)
	case err != nil:
		return faas.FunctionVersion{}, unavailable(err)
	case !scope.Sees(v.ProjectID):
		elsewhere := &faas.Elsewhere{Noun: "function version", ProjectID: v.ProjectID}
		return faas.FunctionVersion{}, noVersion(functionID, number).WithCause(elsewhere)
	}
	return v, nil
}

// readVersion reads a version, whosever it is.
func (s *FunctionStore) readVersion(ctx context.Context, of called) (faas.FunctionVersion, error) {
	return versions.scan(s.get.one(ctx, s.get.version, of.function, of.version))
}

func noVersion(functionID string, number int) *faas.Error {
	return faas.Errorf(faas.NotFound, "Version %d of function %s can not be found.", number, functionID)
}

// FunctionVersions lists the versions of a function, of those that the scope sees.
func (s *FunctionStore) FunctionVersions(
	ctx context.Context, scope faas.Scope, functionID string, q faas.Query,
) (Page[faas.FunctionVersion], error) {
	q.Filters = append(q.Filters, faas.Filter{Field: "function_id", Op: "eq", Values: []string{functionID}})
	return list(ctx, s.core, &versions, scope, q)
}

// DeleteVersion forgets a version and returns what it was. The error's kind is faas.Conflict while
// something points at it.
func (s *FunctionStore) DeleteVersion(
	ctx context.Context, scope faas.Scope, functionID string, number int,
) (faas.FunctionVersion, error) {
	var v faas.FunctionVersion
	err := s.recorder.do(ctx, func(t *tx) error {
		f, err := t.functions.get(scope, functionID) // whoever is about to point at a version waits for it
		if err != nil {
			return err
		}
		v, err = versions.scan(t.queryRow(selectVersion, functionID, number))
		if errors.Is(err, sql.ErrNoRows) {
			return noVersion(functionID, number)
		}
		if err != nil {
			return err
		}
		if err := t.references.versionUncalled(functionID, number); err != nil {
			return err
		}
		if err := t.versions.drop(s.shards, f.TrustID, v); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE functions SET latest_version =
			(SELECT COALESCE(MAX(version_number), 0) FROM function_versions WHERE function_id = ?) WHERE id = ?`,
			functionID, functionID)
		return err
	})
	if err != nil {
		return faas.FunctionVersion{}, err
	}
	return v, nil
}

// drop deletes the row of a version and gives up what it has. kept is the trust that its
// function has and keeps; "" for none.
func (t versionRows) drop(n faas.Sharding, kept string, v faas.FunctionVersion) error {
	if _, err := t.exec(`DELETE FROM function_versions WHERE id = ?`, v.ID); err != nil {
		return err
	}
	if err := t.quota.use(v.ProjectID, faas.ResourcePackages, -v.Code.Size, nil); err != nil {
		return err
	}
	if err := t.packages.unuse(n, v.Code.SHA256); err != nil {
		return err
	}
	if v.TrustID == kept {
		return nil
	}
	return t.trusts.unuse(n, v.TrustID)
}

// dropAll deletes all versions of a function, whose own trust goes with it.
func (t versionRows) dropAll(n faas.Sharding, f faas.Function) error {
	rows, err := t.query(`SELECT `+versions.selected+` FROM function_versions WHERE function_id = ?
		ORDER BY version_number`, f.ID)
	if err != nil {
		return err
	}
	all, err := scanAll(rows, versions.scan)
	if err != nil {
		return err
	}
	for _, v := range all {
		if err := t.drop(n, f.TrustID, v); err != nil {
			return err
		}
	}
	return nil
}
