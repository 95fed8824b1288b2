package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const functionColumns = `id, project_id, name, description, runtime_id, entry, code_source, code_md5, code_sha256, code_size, code_container,
	code_object, code_image, code_protocol, code_etag, trust_id, trust_roles, cpu, memory_size, timeout_seconds, call_count, latest_version, revision,
	created_at, updated_at`

var functionTable = table{
	name: "functions", noun: "function", columns: functionColumns,
	fields: map[string]field{
		"id": {column: "id", kind: code}, "project_id": {column: "project_id"}, "name": {column: "name"},
		"description": {column: "description"}, "runtime_id": {column: "runtime_id", kind: code}, "entry": {column: "entry"},
		"cpu": {column: "cpu", kind: number}, "memory_size": {column: "memory_size", kind: number},
		"timeout": {column: "timeout_seconds", kind: number}, "count": {column: "call_count", kind: number},
		"latest_version": {column: "latest_version", kind: number},
		"created_at":     {column: "created_at", kind: instant}, "updated_at": {column: "updated_at", kind: instant},
	},
}

// FunctionChange is what UpdateFunction changes; nil leaves a field as it is.
type FunctionChange struct {
	Name        *string
	Description *string
	Entry       *string
	Code        *faas.Code
	CPU         *int           // millicores
	MemorySize  *int64         // bytes
	Timeout     *time.Duration // whole seconds
	Trust       *FunctionTrust // the one before is to be deleted
	Revision    int64          // the function must be of this one, or the error is a faas.Conflict; 0: of any
	Quota       faas.Amounts   // what the function's project may have; nil: anything
}

// FunctionTrust is by what trust a function acts; its zero value is none.
type FunctionTrust struct {
	ID    string
	Roles []string
}

// CreateFunction records a function and gives it as recorded. An empty ID or CreatedAt is filled in, and a Revision of 0 becomes 1. A
// runtime that the function's project cannot see is faas.Invalid, one that is not available a faas.Conflict. A trust must have been noted by DoomTrust.
// A package must have been stored after AnnouncePackage; one that was deleted since is faas.Unavailable.
// What the project has then is within the quota, which may be nil, or the error is a faas.OverQuota.
func (s *Store) CreateFunction(ctx context.Context, f faas.Function, quota faas.Amounts) (faas.Function, error) {
	if f.ID == "" {
		f.ID = faas.NewID()
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = s.now()
	}
	f.Revision = max(f.Revision, 1)
	f.CreatedAt, f.UpdatedAt = moment(micros(f.CreatedAt)), moment(micros(f.UpdatedAt))
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.usableRuntime(f); err != nil {
			return err
		}
		if err := t.useFor(f, +1, quota); err != nil {
			return err
		}
		if err := t.keepTrust(f.TrustID); err != nil {
			return err
		}
		if err := t.keepPackage(f.Code.SHA256); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO functions (`+functionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			f.ID, f.ProjectID, f.Name, f.Description, orNull(f.RuntimeID), f.Entry,
			string(f.Code.Source), f.Code.MD5, f.Code.SHA256, f.Code.Size, f.Code.Container, f.Code.Object, f.Code.Image, string(f.Code.Protocol),
			f.Code.ETag, f.TrustID, strings.Join(f.TrustRoles, ","), f.CPU, f.MemorySize, int64(f.Timeout/time.Second), f.Count, f.LatestVersion, f.Revision,
			micros(f.CreatedAt), micros(f.UpdatedAt))
		return t.already("function", f.ID, err)
	})
	return f, err
}

// usableRuntime checks the function's runtime in the transaction that records the function, and keeps it as it is until that is
// committed, so that DeleteRuntime cannot come between.
func (t *tx) usableRuntime(f faas.Function) error {
	if f.RuntimeID == "" && f.Code.Source == faas.SourceImage {
		return nil
	}
	r, err := t.runtime(f.RuntimeID, t.grammar.forShare)
	if faas.KindOf(err) == faas.NotFound || err == nil && !seesRuntime(faas.OneProject(f.ProjectID), r) {
		return faas.Errorf(faas.Invalid, "Runtime %s can not be found.", f.RuntimeID)
	}
	if err != nil {
		return err
	}
	if r.Status != faas.RuntimeAvailable {
		return faas.Errorf(faas.Conflict, "Runtime %s is not available: its status is %s.", r.ID, r.Status)
	}
	return nil
}

// Function gives a function that the scope sees.
func (s *Store) Function(ctx context.Context, scope faas.Scope, id string) (faas.Function, error) {
	f, err := s.functions.get(ctx, id)
	if err != nil {
		return faas.Function{}, missing("function", id, err)
	}
	if !scope.Sees(f.ProjectID) {
		return faas.Function{}, notFound("function", id)
	}
	return f, nil
}

// readFunction reads a function, whosever it is.
func (s *Store) readFunction(ctx context.Context, id string) (faas.Function, error) {
	return scanFunction(s.get.one(ctx, s.get.function, id))
}

// Functions lists what the scope sees.
func (s *Store) Functions(ctx context.Context, scope faas.Scope, q faas.Query) ([]faas.Function, error) {
	return list(ctx, s, &functionTable, scope, q, scanFunction)
}

// UpdateFunction changes a function and gives it as it is now. Its Revision grows when code, entry, cpu or memory became different.
// A package must have been stored as for CreateFunction. More package bytes than the change's quota lets the project have are a faas.OverQuota.
func (s *Store) UpdateFunction(ctx context.Context, scope faas.Scope, id string, change FunctionChange) (faas.Function, error) {
	var f faas.Function
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if f, err = t.function(scope, id); err != nil {
			return err
		}
		if change.Revision != 0 && change.Revision != f.Revision {
			return faas.Errorf(faas.Conflict, "Function %s was changed meanwhile.", id)
		}
		if err := t.changeTrust(f.TrustID, change.Trust, s.now()); err != nil {
			return err
		}
		size := f.Code.Size
		f = change.applied(f)
		f.UpdatedAt = s.timestamp()
		if err := t.use(f.ProjectID, faas.ResourcePackages, f.Code.Size-size, change.Quota); err != nil {
			return err
		}
		if change.Code != nil {
			if err := t.keepPackage(f.Code.SHA256); err != nil {
				return err
			}
		}
		_, err = t.exec(`UPDATE functions SET name = ?, description = ?, entry = ?, code_source = ?, code_md5 = ?, code_sha256 = ?,
			code_size = ?, code_container = ?, code_object = ?, code_image = ?, code_protocol = ?, code_etag = ?, trust_id = ?, trust_roles = ?, cpu = ?, memory_size = ?, timeout_seconds = ?,
			revision = ?, updated_at = ? WHERE id = ?`,
			f.Name, f.Description, f.Entry, string(f.Code.Source), f.Code.MD5, f.Code.SHA256,
			f.Code.Size, f.Code.Container, f.Code.Object, f.Code.Image, string(f.Code.Protocol), f.Code.ETag, f.TrustID, strings.Join(f.TrustRoles, ","),
			f.CPU, f.MemorySize, int64(f.Timeout/time.Second),
			f.Revision, micros(f.UpdatedAt), id)
		return err
	})
	if err != nil {
		return faas.Function{}, err
	}
	return f, nil
}

func (c FunctionChange) applied(f faas.Function) faas.Function {
	before := f
	set(&f.Name, c.Name)
	set(&f.Description, c.Description)
	set(&f.Entry, c.Entry)
	set(&f.Code, c.Code)
	set(&f.CPU, c.CPU)
	set(&f.MemorySize, c.MemorySize)
	set(&f.Timeout, c.Timeout)
	if c.Trust != nil {
		f.TrustID, f.TrustRoles = c.Trust.ID, c.Trust.Roles
	}
	if f.Code != before.Code || f.Entry != before.Entry || f.CPU != before.CPU || f.MemorySize != before.MemorySize {
		f.Revision++
	}
	return f
}

// DeleteFunction forgets a function and gives what it was; its trust is noted as one to delete. Its executions stay.
func (s *Store) DeleteFunction(ctx context.Context, scope faas.Scope, id string) (faas.Function, error) {
	var f faas.Function
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if f, err = t.function(scope, id); err != nil {
			return err
		}
		if err := t.changeTrust(f.TrustID, &FunctionTrust{}, s.now()); err != nil {
			return err
		}
		if n, err := t.exec(`DELETE FROM functions WHERE id = ?`, id); err != nil || n == 0 {
			return err
		}
		return t.useFor(f, -1, nil)
	})
	if err != nil {
		return faas.Function{}, err
	}
	return f, nil
}

// PackageReferenced reports whether any project's function has this package, by the digest of its bytes.
func (s *Store) PackageReferenced(ctx context.Context, sha256 string) (bool, error) {
	var n int
	err := s.get.one(ctx, s.get.packageUse, sha256).Scan(&n)
	return n > 0, unavailable(err)
}

// PackagesReferenced gives the digests of every package that a function of any project has.
func (s *Store) PackagesReferenced(ctx context.Context) (map[string]bool, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT DISTINCT code_sha256 FROM functions WHERE code_sha256 <> ''`)
	if err != nil {
		return nil, unavailable(err)
	}
	digests, err := scanAll(rows, func(row scanner) (digest string, err error) { return digest, row.Scan(&digest) })
	referenced := make(map[string]bool, len(digests))
	for _, digest := range digests {
		referenced[digest] = true
	}
	return referenced, err
}

// function gives a function that the scope may change, and keeps others from changing it until the commit.
func (t *tx) function(scope faas.Scope, id string) (faas.Function, error) {
	f, err := scanFunction(t.queryRow(`SELECT `+functionColumns+` FROM functions WHERE id = ?`+t.grammar.forUpdate, id))
	if err == nil && !scope.Sees(f.ProjectID) {
		return f, notFound("function", id)
	}
	return f, missing("function", id, err)
}

func scanFunction(row scanner) (f faas.Function, err error) {
	var runtimeID sql.NullString
	var seconds int64
	var roles string
	err = row.Scan(&f.ID, &f.ProjectID, &f.Name, &f.Description, &runtimeID, &f.Entry,
		&f.Code.Source, &f.Code.MD5, &f.Code.SHA256, &f.Code.Size, &f.Code.Container, &f.Code.Object, &f.Code.Image, &f.Code.Protocol, &f.Code.ETag, &f.TrustID, &roles,
		&f.CPU, &f.MemorySize, &seconds, &f.Count, &f.LatestVersion, &f.Revision,
		timeColumn{&f.CreatedAt}, timeColumn{&f.UpdatedAt})
	f.RuntimeID, f.Timeout = runtimeID.String, time.Duration(seconds)*time.Second
	if roles != "" {
		f.TrustRoles = strings.Split(roles, ",")
	}
	return f, err
}

// orNull keeps the foreign key out of play where there is nothing to refer to.
func orNull(id string) any {
	if id == "" {
		return nil
	}
	return id
}
