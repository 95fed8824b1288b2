package store

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// TriggerStore keeps triggers, which have functions called by events, and what they have seen.
type TriggerStore struct {
	*core
	triggers *shared[string, faas.Trigger]
}

func newTriggerStore(c *core) *TriggerStore {
	s := &TriggerStore{core: c}
	s.triggers = newShared(s.readTrigger)
	return s
}

// TriggerKeeping is the kind of due work by which a trigger is kept: its ref is the trigger. It is
// there for as long as the trigger has a keeper that wants to be called.
const TriggerKeeping = "trigger"

var triggers = newResource(table{name: "triggers", noun: "trigger"}, []column[faas.Trigger]{
	{name: "id", at: func(t *faas.Trigger) any { return &t.ID }, kind: code, index: indexOfEach, rule: insertOnly},
	{name: "project_id", at: func(t *faas.Trigger) any { return &t.ProjectID }, kind: text, index: indexOfValue,
		rule: insertOnly},
	{name: "user_id", at: func(t *faas.Trigger) any { return &t.UserID }},
	{name: "name", at: func(t *faas.Trigger) any { return &t.Name }, kind: text},
	{name: "description", at: func(t *faas.Trigger) any { return &t.Description }, kind: text},
	{name: "function_id", at: func(t *faas.Trigger) any { return referenceColumn{&t.Calls.FunctionID} }, kind: code,
		index: indexOfValue},
	{name: "function_version", at: func(t *faas.Trigger) any { return &t.Calls.Version }, kind: number},
	{name: "function_alias", at: func(t *faas.Trigger) any { return &t.Calls.Alias }, kind: text},
	{name: "source", at: func(t *faas.Trigger) any { return &t.Source }, kind: code, rule: insertOnly},
	{name: "settings", at: func(t *faas.Trigger) any { return &t.Settings }},
	{name: "filter", at: func(t *faas.Trigger) any { return &t.Filter }},
	{name: "template", at: func(t *faas.Trigger) any { return &t.Template }},
	{name: "retries", at: func(t *faas.Trigger) any { return &t.Retries }},
	{name: "retry_delay", at: func(t *faas.Trigger) any { return &t.RetryDelay }},
	{name: "status", at: func(t *faas.Trigger) any { return &t.Status }, kind: code},
	{name: "status_reason", at: func(t *faas.Trigger) any { return &t.StatusReason }},
	{name: "generation", at: func(t *faas.Trigger) any { return &t.Generation }},
	{name: "trust_id", at: func(t *faas.Trigger) any { return &t.TrustID }},
	{name: "state", at: func(t *faas.Trigger) any { return &t.State }, rule: insertOnly},
	{name: "delivered", at: func(t *faas.Trigger) any { return &t.Seen.Delivered }, rule: insertOnly},
	{name: "filtered", at: func(t *faas.Trigger) any { return &t.Seen.Filtered }, rule: insertOnly},
	{name: "duplicates", at: func(t *faas.Trigger) any { return &t.Seen.Duplicates }, rule: insertOnly},
	{name: "failed", at: func(t *faas.Trigger) any { return &t.Seen.Failed }, rule: insertOnly},
	{name: "last_event_at", at: func(t *faas.Trigger) any { return timeColumn{&t.Seen.LastEventAt} }, rule: insertOnly},
	{name: "last_event_id", at: func(t *faas.Trigger) any { return &t.Seen.LastEventID }, rule: insertOnly},
	{name: "last_error", at: func(t *faas.Trigger) any { return &t.Seen.LastError }, rule: insertOnly},
	{name: "last_error_at", at: func(t *faas.Trigger) any { return timeColumn{&t.Seen.LastErrorAt} }, rule: insertOnly},
	{name: "created_at", at: func(t *faas.Trigger) any { return timeColumn{&t.CreatedAt} }, kind: instant,
		index: indexOfRange, rule: insertOnly},
	{name: "updated_at", at: func(t *faas.Trigger) any { return timeColumn{&t.UpdatedAt} }, kind: instant},
})

// CreateTrigger records a trigger and returns it as recorded. An empty ID, CreatedAt or Generation is
// filled in. A function, version or alias that its project does not have is a faas.NotFound. What
// the project has then is within the quota, which may be nil, or the error is a faas.OverQuota.
func (s *TriggerStore) CreateTrigger(ctx context.Context, g faas.Trigger, quota faas.Amounts) (faas.Trigger, error) {
	if g.ID == "" {
		g.ID = faas.NewID()
	}
	if g.CreatedAt.IsZero() {
		g.CreatedAt = s.now()
	}
	g.Generation = max(g.Generation, 1)
	g.CreatedAt, g.UpdatedAt = moment(micros(g.CreatedAt)), moment(micros(g.UpdatedAt))
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.references.mayCall(g.ProjectID, g.Calls); err != nil {
			return err
		}
		if err := t.trusts.keep(g.TrustID); err != nil {
			return err
		}
		if err := t.quota.use(g.ProjectID, faas.ResourceTriggers, +1, quota); err != nil {
			return err
		}
		query, args := triggers.insert(t.grammar, &g)
		if _, err := t.exec(query, args...); err != nil {
			return t.already("trigger", g.ID, err)
		}
		return s.scheduleKeeping(t, g)
	})
	return g, err
}

// scheduleKeeping has a trigger kept, or released, now.
func (s *TriggerStore) scheduleKeeping(t *tx, g faas.Trigger) error {
	if !g.Source.Kept() {
		return nil
	}
	return t.due.add(s.shards, TriggerKeeping, g.ID, 0)
}

// Trigger returns a trigger that the scope sees. Callers who want the same one at the same time
// share one read.
func (s *TriggerStore) Trigger(ctx context.Context, scope faas.Scope, id string) (faas.Trigger, error) {
	g, err := s.triggers.get(ctx, id)
	if err != nil {
		return faas.Trigger{}, missing("trigger", id, err)
	}
	if !scope.Sees(g.ProjectID) {
		return faas.Trigger{}, unseen("trigger", id, g.ProjectID)
	}
	return g, nil
}

// readTrigger reads a trigger, whosever it is.
func (s *TriggerStore) readTrigger(ctx context.Context, id string) (faas.Trigger, error) {
	return triggers.scan(s.get.one(ctx, s.get.trigger, id))
}

// Triggers lists what the scope sees.
func (s *TriggerStore) Triggers(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Trigger], error) {
	return list(ctx, s.core, &triggers, scope, q)
}

// withoutState are the columns of a trigger, with an empty State, which may be long.
var withoutState = strings.Replace(triggers.selected, ", state,", ", '' AS state,", 1)

// TriggersOf returns triggers of a source, of all projects, after the id, in the order of their ids;
// limit at most. They come without their State.
func (s *TriggerStore) TriggersOf(
	ctx context.Context, source faas.TriggerSource, after string, limit int,
) ([]faas.Trigger, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT `+withoutState+` FROM triggers WHERE source = ? AND id > ? ORDER BY id LIMIT ?`,
		string(source), after, limit)
	if err != nil {
		return nil, unavailable(err)
	}
	return scanAll(rows, triggers.scan)
}

// UpdateTrigger has change set fields of a trigger, which nobody else changes meanwhile, and returns
// it as it is then. What it calls then must be there, as for CreateTrigger. A trust that took the
// place of another is the trigger's, and the other is deleted. change may be run more than once.
func (s *TriggerStore) UpdateTrigger(
	ctx context.Context, scope faas.Scope, id string, change func(*faas.Trigger) error,
) (faas.Trigger, error) {
	var g faas.Trigger
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if g, err = t.triggers.get(scope, id); err != nil {
			return err
		}
		before := g
		if err := change(&g); err != nil {
			return err
		}
		if g.Calls != before.Calls {
			if err := t.references.mayCall(g.ProjectID, g.Calls); err != nil {
				return err
			}
		}
		if err := t.triggers.moveTrust(s.shards, before.TrustID, g.TrustID); err != nil {
			return err
		}
		g.UpdatedAt, g.StatusReason = s.timestamp(), shortened(g.StatusReason)
		query, args := triggers.update(id, &g)
		if _, err := t.exec(query, args...); err != nil {
			return err
		}
		return s.scheduleKeeping(t, g)
	})
	if err != nil {
		return faas.Trigger{}, err
	}
	return g, nil
}

// triggerRows are triggers within a transaction.
type triggerRows struct {
	*statements
	due    dueItems
	quota  quotaUse
	trusts trustUses
}

// moveTrust has a trust stay and the one before it be deleted.
func (t triggerRows) moveTrust(n faas.Sharding, before, after string) error {
	if before == after {
		return nil
	}
	if err := t.trusts.keep(after); err != nil || before == "" {
		return err
	}
	return t.due.add(n, TrustDeletion, before, 0)
}

// DeleteTrigger forgets a trigger, or where it has something elsewhere has that deleted first: the
// trigger is faas.TriggerDeleting meanwhile. The executions that it caused stay. It returns the
// trigger as it was last.
func (s *TriggerStore) DeleteTrigger(ctx context.Context, scope faas.Scope, id string) (faas.Trigger, error) {
	var g faas.Trigger
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if g, err = t.triggers.get(scope, id); err != nil {
			return err
		}
		if !g.Source.Acts() {
			return t.triggers.forget(s.shards, g)
		}
		if _, err := t.exec(`UPDATE triggers SET status = ?, status_reason = '', updated_at = ? WHERE id = ?`,
			string(faas.TriggerDeleting), micros(s.now()), id); err != nil {
			return err
		}
		g.Status, g.StatusReason = faas.TriggerDeleting, ""
		return s.scheduleKeeping(t, g)
	})
	if err != nil {
		return faas.Trigger{}, err // g may still be written to
	}
	return g, nil
}

// ForgetTrigger strikes out a trigger that has nothing elsewhere any more, and has its trust deleted.
// It is no error when it is gone.
func (s *TriggerStore) ForgetTrigger(ctx context.Context, id string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		g, err := t.triggers.get(faas.AnyProject(), id)
		if faas.KindOf(err) == faas.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		return t.triggers.forget(s.shards, g)
	})
}

func (t triggerRows) forget(n faas.Sharding, g faas.Trigger) error {
	if gone, err := t.exec(`DELETE FROM triggers WHERE id = ?`, g.ID); err != nil || gone == 0 {
		return err
	}
	if g.Source.Kept() {
		if _, err := t.change(withdrawDue(TriggerKeeping, g.ID)); err != nil {
			return err
		}
	}
	if g.TrustID != "" {
		if err := t.due.add(n, TrustDeletion, g.TrustID, 0); err != nil {
			return err
		}
	}
	return t.quota.use(g.ProjectID, faas.ResourceTriggers, -1, nil)
}

// NoteTrigger records what its keeper has to remember of a trigger, and how it is. A trigger that is
// paused, or being deleted, stays so; its reason is noted all the same.
func (s *TriggerStore) NoteTrigger(ctx context.Context, id, state string, status faas.TriggerStatus, reason string) error {
	_, err := s.recorder.exec(ctx, `UPDATE triggers SET state = ?, status_reason = ?,
		status = CASE WHEN status IN ('paused', 'deleting') THEN status ELSE ? END WHERE id = ?`,
		state, shortened(reason), string(status), id)
	return err
}

// DeleteTriggersOf deletes the triggers of a project that is gone, as DeleteTrigger does, and returns
// how many there were.
func (s *TriggerStore) DeleteTriggersOf(ctx context.Context, projectID string) (int, error) {
	rows, err := s.scans.QueryContext(ctx, `SELECT id FROM triggers WHERE project_id = ? AND status <> ?`,
		projectID, string(faas.TriggerDeleting))
	if err != nil {
		return 0, unavailable(err)
	}
	ids, err := scanAll(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
	if err != nil {
		return 0, err
	}
	for n, id := range ids {
		if _, err := s.DeleteTrigger(ctx, faas.OneProject(projectID), id); err != nil && faas.KindOf(err) != faas.NotFound {
			return n, err
		}
	}
	return len(ids), nil
}

// get returns a trigger that the scope may change, and keeps others from changing it until the
// commit.
func (t triggerRows) get(scope faas.Scope, id string) (faas.Trigger, error) {
	g, err := triggers.scan(t.queryRow(triggers.selectByID()+t.grammar.forUpdate, id))
	if err == nil && !scope.Sees(g.ProjectID) {
		return g, unseen("trigger", id, g.ProjectID)
	}
	return g, missing("trigger", id, err)
}
