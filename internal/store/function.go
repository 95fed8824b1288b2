package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// FunctionStore keeps functions with their versions and aliases, and finds the code that a call
// runs.
type FunctionStore struct {
	*core
	functions *shared[string, faas.Function]
	versions  *shared[called, faas.FunctionVersion]
	aliases   *shared[aliasName, faas.Alias]
	canaries  *canaries
}

func newFunctionStore(c *core) *FunctionStore {
	s := &FunctionStore{core: c, canaries: newCanaries()}
	s.functions, s.versions, s.aliases = newShared(s.readFunction), newShared(s.readVersion), newShared(s.readAlias)
	return s
}

// endReads waits for reads under way that no caller makes itself.
func (s *FunctionStore) endReads() {
	s.functions.wait()
	s.versions.wait()
	s.aliases.wait()
}

// runtime_id is insertOnly since a function keeps its runtime, call_count and latest_version since
// they have statements of their own.
var functions = newResource(table{name: "functions", noun: "function"}, []column[faas.Function]{
	{name: "id", at: func(f *faas.Function) any { return &f.ID }, kind: code, index: indexOfEach, rule: insertOnly},
	{name: "project_id", at: func(f *faas.Function) any { return &f.ProjectID }, kind: text, index: indexOfValue,
		rule: insertOnly},
	{name: "name", at: func(f *faas.Function) any { return &f.Name }, kind: text},
	{name: "description", at: func(f *faas.Function) any { return &f.Description }, kind: text},
	{name: "runtime_id", at: func(f *faas.Function) any { return referenceColumn{&f.RuntimeID} }, kind: code,
		index: indexOfValue, rule: insertOnly},
	{name: "entry", at: func(f *faas.Function) any { return &f.Entry }, kind: text},
	{name: "code_source", at: func(f *faas.Function) any { return &f.Code.Source }},
	{name: "code_md5", at: func(f *faas.Function) any { return &f.Code.MD5 }},
	{name: "code_sha256", at: func(f *faas.Function) any { return &f.Code.SHA256 }},
	{name: "code_size", at: func(f *faas.Function) any { return &f.Code.Size }},
	{name: "code_container", at: func(f *faas.Function) any { return &f.Code.Container }},
	{name: "code_object", at: func(f *faas.Function) any { return &f.Code.Object }},
	{name: "code_image", at: func(f *faas.Function) any { return &f.Code.Image }},
	{name: "code_digest", at: func(f *faas.Function) any { return &f.Code.Digest }},
	{name: "code_protocol", at: func(f *faas.Function) any { return &f.Code.Protocol }},
	{name: "code_etag", at: func(f *faas.Function) any { return &f.Code.ETag }},
	{name: "trust_id", at: func(f *faas.Function) any { return &f.TrustID }},
	{name: "trust_roles", at: func(f *faas.Function) any { return namesColumn{&f.TrustRoles} }},
	{name: "registry_user", at: func(f *faas.Function) any { return &f.Registry.User }},
	{name: "registry_password", at: func(f *faas.Function) any { return &f.Registry.Sealed }},
	{name: "environment", at: func(f *faas.Function) any { return variablesColumn(&f.Environment) }},
	{name: "secrets", at: func(f *faas.Function) any { return variablesColumn(&f.Secrets) }},
	{name: "cpu", at: func(f *faas.Function) any { return &f.CPU }, kind: number},
	{name: "memory_size", at: func(f *faas.Function) any { return &f.MemorySize }, kind: number},
	{name: "timeout_seconds", at: func(f *faas.Function) any { return secondsColumn{&f.Timeout} }, kind: number,
		as: "timeout"},
	{name: "call_count", at: func(f *faas.Function) any { return &f.Count }, kind: number, as: "count",
		rule: insertOnly},
	{name: "latest_version", at: func(f *faas.Function) any { return &f.LatestVersion }, kind: number,
		rule: insertOnly},
	{name: "on_success", at: func(f *faas.Function) any { return destinationColumn{&f.OnSuccess} }},
	{name: "on_failure", at: func(f *faas.Function) any { return destinationColumn{&f.OnFailure} }},
	{name: "retention_days", at: func(f *faas.Function) any { return &f.Retention.Days }},
	{name: "retention_count", at: func(f *faas.Function) any { return &f.Retention.Count }},
	{name: "revision", at: func(f *faas.Function) any { return &f.Revision }},
	{name: "created_at", at: func(f *faas.Function) any { return timeColumn{&f.CreatedAt} }, kind: instant,
		index: indexOfRange, rule: insertOnly},
	{name: "updated_at", at: func(f *faas.Function) any { return timeColumn{&f.UpdatedAt} }, kind: instant},
})

// FunctionChange is what UpdateFunction changes; nil leaves a field as it is.
type FunctionChange struct {
	Name        *string
	Description *string
	Entry       *string
	Code        *faas.Code
	Registry    *faas.Registry
	Environment *faas.Variables
	Secrets     *faas.Variables
	CPU         *int           // millicores
	MemorySize  *int64         // bytes
	Timeout     *time.Duration // whole seconds
	OnSuccess   *faas.Destination
	OnFailure   *faas.Destination
	Retention   *faas.Retention
	Trust       *FunctionTrust // the one before is to be deleted
	Revision    int64          // the function must be of this one, or the error is a faas.Conflict; 0: of any
	// the id of the trust that it must have until now, or the error is a faas.Conflict; nil: any or
	// none
	ActsBy *string
	Quota  faas.Amounts // what the function's project may have; nil: anything
}

// FunctionTrust is by what trust a function acts; its zero value is none.
type FunctionTrust struct {
	ID    string
	Roles []string
}

// CreateFunction records a function and returns it as recorded. An empty ID or CreatedAt is filled
// in, and a Revision of 0 becomes 1. A runtime that the function's project cannot see is
// faas.Invalid, one that is not available a faas.Conflict. A trust must have been noted by
// ScheduleTrustDeletion. A package must have been stored after AnnouncePackage; one that was
// deleted since is faas.Unavailable. What the project has then is within the quota, which may be
// nil, or the error is a faas.OverQuota.
func (s *FunctionStore) CreateFunction(ctx context.Context, f faas.Function, quota faas.Amounts) (faas.Function, error) {
	if f.ID == "" {
		f.ID = faas.NewID()
	}
	if f.CreatedAt.IsZero() {
		f.CreatedAt = s.now()
	}
	f.Revision = max(f.Revision, 1)
	f.CreatedAt, f.UpdatedAt = moment(micros(f.CreatedAt)), moment(micros(f.UpdatedAt))
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.runtimes.usableBy(f); err != nil {
			return err
		}
		if err := t.quota.useFor(f, +1, quota); err != nil {
			return err
		}
		if err := t.trusts.keep(f.TrustID); err != nil {
			return err
		}
		if err := t.packages.keep(f.Code.SHA256); err != nil {
			return err
		}
		query, args := functions.insert(t.grammar, &f)
		_, err := t.exec(query, args...)
		return t.already("function", f.ID, err)
	})
	return f, err
}

// usableBy checks the function's runtime in the transaction that records the function, and
// keeps it as it is until that is committed, so that DeleteRuntime cannot come between.
func (t runtimeRows) usableBy(f faas.Function) error {
	if f.RuntimeID == "" && f.Code.Source == faas.SourceImage {
		return nil
	}
	r, err := t.get(f.RuntimeID, t.grammar.forShare)
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

// Function returns a function that the scope sees.
func (s *FunctionStore) Function(ctx context.Context, scope faas.Scope, id string) (faas.Function, error) {
	f, err := s.functions.get(ctx, id)
	if err != nil {
		return faas.Function{}, missing("function", id, err)
	}
	if !scope.Sees(f.ProjectID) {
		return faas.Function{}, unseen("function", id, f.ProjectID)
	}
	return f, nil
}

// readFunction reads a function, whosever it is.
func (s *FunctionStore) readFunction(ctx context.Context, id string) (faas.Function, error) {
	return functions.scan(s.get.one(ctx, s.get.function, id))
}

// Functions lists what the scope sees.
func (s *FunctionStore) Functions(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Function], error) {
	return list(ctx, s.core, &functions, scope, q)
}

// UpdateFunction changes a function and returns it as it is now. Its Revision grows when code,
// entry, environment, secrets, cpu or memory became different. A package must have been stored as for CreateFunction.
// More package bytes than the change's quota lets the project have are a faas.OverQuota.
func (s *FunctionStore) UpdateFunction(ctx context.Context, scope faas.Scope, id string,
	change FunctionChange) (faas.Function, error) {
	var f faas.Function
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if f, err = t.functions.get(scope, id); err != nil {
			return err
		}
		if change.Revision != 0 && change.Revision != f.Revision ||
			change.ActsBy != nil && *change.ActsBy != f.TrustID {
			return faas.Errorf(faas.Conflict,
				"Function %s was changed by another request meanwhile; look at it and try again.", id)
		}
		if err := t.trusts.replace(s.shards, f.TrustID, change.Trust); err != nil {
			return err
		}
		size, before := f.Code.Size, f.Code.SHA256
		f = change.applied(f)
		f.UpdatedAt = s.timestamp()
		if err := t.quota.use(f.ProjectID, faas.ResourcePackages, f.Code.Size-size, change.Quota); err != nil {
			return err
		}
		if change.Code != nil {
			if err := t.packages.keep(f.Code.SHA256); err != nil {
				return err
			}
		}
		if f.Code.SHA256 != before {
			if err := t.packages.unuse(s.shards, before); err != nil {
				return err
			}
		}
		query, args := functions.update(id, &f)
		_, err = t.exec(query, args...)
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
	set(&f.Registry, c.Registry)
	set(&f.Environment, c.Environment)
	set(&f.Secrets, c.Secrets)
	set(&f.CPU, c.CPU)
	set(&f.MemorySize, c.MemorySize)
	set(&f.Timeout, c.Timeout)
	set(&f.OnSuccess, c.OnSuccess)
	set(&f.OnFailure, c.OnFailure)
	set(&f.Retention, c.Retention)
	if c.Trust != nil {
		f.TrustID, f.TrustRoles = c.Trust.ID, c.Trust.Roles
	}
	if f.Code != before.Code || f.Registry != before.Registry || f.Entry != before.Entry ||
		f.Environment != before.Environment || f.Secrets != before.Secrets ||
		f.CPU != before.CPU || f.MemorySize != before.MemorySize {
		f.Revision++
	}
	return f
}

// DeleteFunction forgets a function with its versions and returns what it was; their trusts are
// noted as ones to delete. Its executions stay. The error's kind is faas.Conflict while something
// points at it.
func (s *FunctionStore) DeleteFunction(ctx context.Context, scope faas.Scope, id string) (faas.Function, error) {
	var f faas.Function
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if f, err = t.functions.get(scope, id); err != nil {
			return err
		}
		if err := t.references.functionUncalled(id); err != nil {
			return err
		}
		if err := t.versions.dropAll(s.shards, f); err != nil {
			return err
		}
		if err := t.trusts.replace(s.shards, f.TrustID, &FunctionTrust{}); err != nil {
			return err
		}
		if err := t.packages.unuse(s.shards, f.Code.SHA256); err != nil {
			return err
		}
		if n, err := t.exec(`DELETE FROM functions WHERE id = ?`, id); err != nil || n == 0 {
			return err
		}
		return t.quota.useFor(f, -1, nil)
	})
	if err != nil {
		return faas.Function{}, err
	}
	return f, nil
}

// functionRows are functions within a transaction.
type functionRows struct{ *statements }

// get returns a function that the scope may change, and keeps others from changing it until
// the commit.
func (t functionRows) get(scope faas.Scope, id string) (faas.Function, error) {
	f, err := functions.scan(t.queryRow(functions.selectByID()+t.grammar.forUpdate, id))
	if err == nil && !scope.Sees(f.ProjectID) {
		return f, unseen("function", id, f.ProjectID)
	}
	return f, missing("function", id, err)
}
