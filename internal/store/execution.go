package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// ExecutionStore reads the records of executions, with what of them is kept apart: long texts, the
// log of one that runs, the unusual events on its way. How their state changes is the
// ExecutionLifecycle's, how they go in the end Retention's.
type ExecutionStore struct{ *core }

// The log is the last column and is read by itself only: SQLite then never touches the pages that a
// long log overflows into. An execution is never updated as a whole: each change of its state is a
// conditional statement of its own.
var tableOfExecutions = table{name: "executions", noun: "execution", indexes: indexesOfExecutions}

var executions = newResource(tableOfExecutions, []column[faas.Execution]{
	{name: "id", at: func(x *faas.Execution) any { return &x.ID }, kind: code, index: indexOfEach},
	{name: "project_id", at: func(x *faas.Execution) any { return &x.ProjectID }, kind: text, index: indexOfValue},
	{name: "user_id", at: func(x *faas.Execution) any { return &x.UserID }, kind: text},
	{name: "request_id", at: func(x *faas.Execution) any { return &x.RequestID }, kind: text},
	{name: "function_id", at: func(x *faas.Execution) any { return &x.FunctionID }, kind: code, index: indexOfValue},
	{name: "function_version", at: func(x *faas.Execution) any { return &x.FunctionVersion }, kind: number},
	{name: "function_alias", at: func(x *faas.Execution) any { return &x.FunctionAlias }, kind: text},
	{name: "description", at: func(x *faas.Execution) any { return &x.Description }, kind: text},
	{name: "sync", at: func(x *faas.Execution) any { return &x.Sync }, kind: boolean},
	{name: "status", at: func(x *faas.Execution) any { return &x.Status }, kind: state},
	{name: "trigger_id", at: func(x *faas.Execution) any { return referenceColumn{&x.TriggerID} }, kind: code,
		index: indexOfValue, rule: seldom},
	{name: "follow_up", at: func(x *faas.Execution) any { return &x.FollowUp }, rule: seldom},
	{name: "owner", at: func(x *faas.Execution) any { return &x.Owner }},
	{
		name: "lease_until", at: func(x *faas.Execution) any { return timeColumn{&x.LeaseUntil} },
		asked: func(x *faas.Execution) time.Duration { return x.Lease },
	},
	{name: "attempts", at: func(x *faas.Execution) any { return &x.Attempts }},
	{name: "created_at", at: func(x *faas.Execution) any { return timeColumn{&x.CreatedAt} }, kind: instant,
		index: indexOfRange},
	{name: "started_at", at: func(x *faas.Execution) any { return timeColumn{&x.StartedAt} }},
	{name: "ended_at", at: func(x *faas.Execution) any { return timeColumn{&x.EndedAt} }},
	{name: "updated_at", at: func(x *faas.Execution) any { return timeColumn{&x.UpdatedAt} }, kind: instant},
	{name: "input", at: func(x *faas.Execution) any { return &x.Input },
		size: func(x *faas.Execution) *int64 { return &x.InputCut }, kept: "input_bytes"},
	{name: "input_bytes", at: func(x *faas.Execution) any { return &x.InputCut }, rule: seldom | unlisted},
	{name: "result", at: func(x *faas.Execution) any { return &x.Result },
		size: func(x *faas.Execution) *int64 { return &x.ResultCut }, kept: "result_bytes"},
	{name: "result_bytes", at: func(x *faas.Execution) any { return &x.ResultCut }, rule: seldom | unlisted},
	{name: "log_text", at: func(x *faas.Execution) any { return &x.Log }, rule: unread},
	{name: "log_bytes", at: func(x *faas.Execution) any { return &x.LogCut }, rule: seldom | unread},
	{name: "record_bytes", at: func(x *faas.Execution) any { return bytesColumn{x} }, rule: unread},
})

// Execution returns an execution that the scope sees, without its log.
func (s *ExecutionStore) Execution(ctx context.Context, scope faas.Scope, id string) (faas.Execution, error) {
	e, err := executions.scan(s.get.one(ctx, s.get.execution, id))
	if err != nil {
		return faas.Execution{}, missing("execution", id, err)
	}
	if !scope.Sees(e.ProjectID) {
		return faas.Execution{}, unseen("execution", id, e.ProjectID)
	}
	return s.whole(ctx, e)
}

// ExecutionLog returns what an execution that the scope sees has printed; of one that runs what was
// kept by KeepLog.
func (s *ExecutionStore) ExecutionLog(ctx context.Context, scope faas.Scope, id string) (string, error) {
	var project, text string
	var apart int64
	err := s.get.one(ctx, s.get.executionLog, id).Scan(&project, &text, &apart)
	if err != nil {
		return "", missing("execution", id, err)
	}
	if !scope.Sees(project) {
		return "", unseen("execution", id, project)
	}
	if apart != 0 {
		return s.content(ctx, id, contentLog)
	}
	if text == "" {
		return s.logSoFar(ctx, id)
	}
	return text, nil
}

// Executions lists what the scope sees, without logs. Of a long input or result it has the
// beginning only, see faas.Execution. A filter on the status running finds queued executions too,
// since to clients an execution runs from its creation on.
func (s *ExecutionStore) Executions(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Execution], error) {
	return list(ctx, s.core, &executions, scope, q)
}

// DeleteExecution forgets an execution that has ended; one that has not is a faas.Conflict.
func (s *ExecutionStore) DeleteExecution(ctx context.Context, scope faas.Scope, id string) error {
	if err := s.calls.await(ctx, &operation{execution: id}); err != nil { // has its start written
		return err
	}
	var gone []record
	err := s.recorder.do(ctx, func(t *tx) error {
		e, err := t.executions.get(id)
		if err != nil {
			return err
		}
		if !scope.Sees(e.ProjectID) {
			return unseen("execution", id, e.ProjectID)
		}
		if !e.Status.Ended() {
			return faas.Errorf(faas.Conflict, "Execution %s has not ended; it can be deleted when it has.", id)
		}
		one, err := scanRecord(t.queryRow(`SELECT `+recordColumns+` FROM executions WHERE id = ?`, id))
		if err != nil {
			return missing("execution", id, err)
		}
		gone, err = t.executions.delete([]record{one})
		if err == nil && len(gone) == 0 { // another process was first
			return notFound("execution", id)
		}
		return err
	})
	if err == nil {
		s.countGone(gone)
	}
	return err
}

// executionRows are executions with their contents within a transaction.
type executionRows struct {
	*statements
	stories storyRows
}

func (t executionRows) get(id string) (faas.Execution, error) {
	e, err := executions.scan(t.queryRow(executions.selectByID(), id))
	return e, missing("execution", id, err)
}

// insert writes a whole row, and what of it is kept apart.
func (t executionRows) insert(e *faas.Execution) error {
	row, apart := t.form.split(e)
	query, args := executions.insert(t.grammar, row)
	if _, err := t.exec(query, args...); err != nil || len(apart) == 0 {
		return t.already("execution", e.ID, err)
	}
	return t.addContents(apart)
}
