package store

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// RuntimeStore keeps the runtimes that functions are written for.
type RuntimeStore struct{ *core }

// The status is insertOnly since SetRuntimeStatus and RevertRuntime write it, and what the runtime has
// since SetRuntimeContents does.
var runtimes = newResource(table{name: "runtimes", noun: "runtime", public: "is_public = 1", few: true},
	[]column[faas.Runtime]{
		{name: "id", at: func(r *faas.Runtime) any { return &r.ID }, kind: code, rule: insertOnly},
		{name: "project_id", at: func(r *faas.Runtime) any { return &r.ProjectID }, kind: text, rule: insertOnly},
		{name: "name", at: func(r *faas.Runtime) any { return &r.Name }, kind: text},
		{name: "description", at: func(r *faas.Runtime) any { return &r.Description }, kind: text},
		{name: "image", at: func(r *faas.Runtime) any { return &r.Image }, kind: text},
		{name: "status", at: func(r *faas.Runtime) any { return &r.Status }, kind: code, rule: insertOnly},
		{name: "status_reason", at: func(r *faas.Runtime) any { return &r.StatusReason }, rule: insertOnly},
		{name: "is_public", at: func(r *faas.Runtime) any { return &r.IsPublic }, kind: boolean, rule: insertOnly},
		{name: "trusted", at: func(r *faas.Runtime) any { return &r.Trusted }, kind: boolean, rule: insertOnly},
		{name: "placement", at: func(r *faas.Runtime) any { return &r.Placement }},
		{name: "interpreter", at: func(r *faas.Runtime) any { return &r.Interpreter }, rule: insertOnly},
		{name: "modules", at: func(r *faas.Runtime) any { return &r.Modules }, rule: insertOnly},
		{name: "created_at", at: func(r *faas.Runtime) any { return timeColumn{&r.CreatedAt} }, kind: instant,
			rule: insertOnly},
		{name: "updated_at", at: func(r *faas.Runtime) any { return timeColumn{&r.UpdatedAt} }, kind: instant},
	})

// RuntimeChange is what UpdateRuntime changes; nil leaves a field as it is.
type RuntimeChange struct {
	Name        *string
	Description *string
	Image       *string
	Placement   *faas.Placement
}

// CreateRuntime records a runtime and returns it as recorded. An empty ID, Status or CreatedAt is
// filled in (status: creating). An id that exists is a faas.Conflict.
func (s *RuntimeStore) CreateRuntime(ctx context.Context, r faas.Runtime) (faas.Runtime, error) {
	if r.ID == "" {
		r.ID = faas.NewID()
	}
	if r.Status == "" {
		r.Status = faas.RuntimeCreating
	}
	if r.CreatedAt.IsZero() {
		r.CreatedAt = s.now()
	}
	r.CreatedAt, r.UpdatedAt = moment(micros(r.CreatedAt)), moment(micros(r.UpdatedAt))
	err := s.recorder.do(ctx, func(t *tx) error {
		query, args := runtimes.insert(t.grammar, &r)
		_, err := t.exec(query, args...)
		return t.already("runtime", r.ID, err)
	})
	return r, err
}

// Runtime returns a runtime that the scope sees: its own project's, or a public one.
func (s *RuntimeStore) Runtime(ctx context.Context, scope faas.Scope, id string) (faas.Runtime, error) {
	r, err := runtimes.scan(s.get.one(ctx, s.get.runtime, id))
	if err != nil {
		return faas.Runtime{}, missing("runtime", id, err)
	}
	if !seesRuntime(scope, r) {
		return faas.Runtime{}, unseen("runtime", id, r.ProjectID)
	}
	return r, nil
}

// Runtimes lists what the scope sees, public runtimes of other projects too.
func (s *RuntimeStore) Runtimes(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Runtime], error) {
	return list(ctx, s.core, &runtimes, scope, q)
}

// AllRuntimes returns the runtimes of all projects, which are few.
func (s *RuntimeStore) AllRuntimes(ctx context.Context) ([]faas.Runtime, error) {
	query, args := runtimes.query(runtimes.selected)
	rows, err := s.scans.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, runtimes.scan)
}

// UpdateRuntime changes a runtime of the scope's own project; a public one of another project is
// not found.
func (s *RuntimeStore) UpdateRuntime(ctx context.Context, scope faas.Scope, id string, change RuntimeChange) (faas.Runtime,
	error) {
	var r faas.Runtime
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if r, err = t.runtimes.own(scope, id); err != nil {
			return err
		}
		set(&r.Name, change.Name)
		set(&r.Description, change.Description)
		set(&r.Image, change.Image)
		set(&r.Placement, change.Placement)
		r.UpdatedAt = s.timestamp()
		query, args := runtimes.update(id, &r)
		_, err = t.exec(query, args...)
		return err
	})
	if err != nil {
		return faas.Runtime{}, err
	}
	return r, nil
}

// SetRuntimeStatus records what became of a runtime; reason says why it is a faas.RuntimeError, or
// what was wrong with an image that it went back from. A runtime that is gone is a faas.NotFound.
func (s *RuntimeStore) SetRuntimeStatus(ctx context.Context, id string, status faas.RuntimeStatus, reason string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE runtimes SET status = ?, status_reason = ?, updated_at = ? WHERE id = ?`,
			string(status), reason, micros(s.now()), id)
		if err == nil && n == 0 {
			return notFound("runtime", id)
		}
		return err
	})
}

// SetRuntimeContents records what a runtime has, as faas.Contents.Recorded returns it. That is no
// change by its owner: updated_at stays. A runtime that is gone is no error.
func (s *RuntimeStore) SetRuntimeContents(ctx context.Context, id, interpreter, modules string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		_, err := t.exec(
			`UPDATE runtimes SET interpreter = ?, modules = ? WHERE id = ? AND (interpreter <> ? OR modules <> ?)`,
			interpreter, modules, id, interpreter, modules,
		)
		return err
	})
}

// RevertRuntime records that a runtime could not have the image from and has the image to again;
// reason says why. A runtime that is gone, or that has been given another image meanwhile, stays as
// it is.
func (s *RuntimeStore) RevertRuntime(ctx context.Context, id, from, to, reason string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		_, err := t.exec(
			`UPDATE runtimes SET image = ?, status = ?, status_reason = ?, updated_at = ? WHERE id = ? AND image = ?`,
			to,
			string(faas.RuntimeAvailable),
			reason,
			micros(s.now()),
			id,
			from,
		)
		return err
	})
}

// DeleteRuntime forgets a runtime of the scope's own project. While a function uses it, it is a
// faas.Conflict.
func (s *RuntimeStore) DeleteRuntime(ctx context.Context, scope faas.Scope, id string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		if _, err := t.runtimes.own(scope, id); err != nil {
			return err
		}
		var users int
		if err := t.queryRow(`SELECT COUNT(*) FROM functions WHERE runtime_id = ?`, id).Scan(&users); err != nil {
			return err
		}
		if users > 0 {
			return faas.Errorf(faas.Conflict, "Runtime %s is in use by %d function(s); delete them first.", id, users)
		}
		_, err := t.exec(`DELETE FROM runtimes WHERE id = ?`, id)
		return err
	})
}

// runtimeRows are runtimes within a transaction.
type runtimeRows struct{ *statements }

// get reads a runtime under a lock, one of the grammar's.
func (t runtimeRows) get(id, lock string) (faas.Runtime, error) {
	r, err := runtimes.scan(t.queryRow(runtimes.selectByID()+lock, id))
	return r, missing("runtime", id, err)
}

// own returns a runtime that the scope may change, and keeps others from changing or using
// it until the commit.
func (t runtimeRows) own(scope faas.Scope, id string) (faas.Runtime, error) {
	r, err := t.get(id, t.grammar.forUpdate)
	if err == nil && !scope.Sees(r.ProjectID) {
		err = unseen("runtime", id, r.ProjectID)
	}
	return r, err
}

func seesRuntime(scope faas.Scope, r faas.Runtime) bool {
	return scope.Sees(r.ProjectID) || r.IsPublic && scope.ProjectID() != ""
}

// set changes the value when there is a new one.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
