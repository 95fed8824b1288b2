package store

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// The log is the last column and no list reads it: SQLite then never touches the pages that a long log overflows into.
const (
	executionColumns = `id, project_id, user_id, request_id, function_id, function_version, function_alias, description, sync, status,
	owner, lease_until, attempts, created_at, started_at, ended_at, updated_at, input, result`
	executionRow    = `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertExecution = `INSERT INTO executions (` + executionColumns + `, log_text) VALUES ` + executionRow
)

var executionTable = table{
	name: "executions", noun: "execution", columns: executionColumns,
	fields: map[string]field{
		"id": {column: "id", kind: code}, "project_id": {column: "project_id"}, "user_id": {column: "user_id"},
		"request_id": {column: "request_id"}, "function_id": {column: "function_id", kind: code},
		"function_version": {column: "function_version", kind: number}, "function_alias": {column: "function_alias"},
		"description": {column: "description"}, "sync": {column: "sync", kind: boolean},
		"status":     {column: "status", kind: state},
		"created_at": {column: "created_at", kind: instant}, "updated_at": {column: "updated_at", kind: instant},
	},
}

// Execution gives an execution that the scope sees, without its log.
func (s *Store) Execution(ctx context.Context, scope faas.Scope, id string) (faas.Execution, error) {
	e, err := scanExecution(s.get.one(ctx, s.get.execution, id))
	if err != nil {
		return faas.Execution{}, missing("execution", id, err)
	}
	if !scope.Sees(e.ProjectID) {
		return faas.Execution{}, notFound("execution", id)
	}
	return e, nil
}

// ExecutionLog gives what an execution that the scope sees has printed; "" until it ended.
func (s *Store) ExecutionLog(ctx context.Context, scope faas.Scope, id string) (string, error) {
	var project, text string
	err := s.get.one(ctx, s.get.executionLog, id).Scan(&project, &text)
	if err != nil {
		return "", missing("execution", id, err)
	}
	if !scope.Sees(project) {
		return "", notFound("execution", id)
	}
	return text, nil
}

// Executions lists what the scope sees, without logs. A filter on the status running finds queued executions too, since to clients
// an execution runs from its creation on.
func (s *Store) Executions(ctx context.Context, scope faas.Scope, q faas.Query) ([]faas.Execution, error) {
	return list(ctx, s, &executionTable, scope, q, scanExecution)
}

// DeleteExecution forgets an execution that has ended; one that has not is a faas.Conflict.
func (s *Store) DeleteExecution(ctx context.Context, scope faas.Scope, id string) error {
	return s.recorder.doWithStarts(ctx, func(t *tx) error {
		e, err := t.execution(id)
		if err != nil {
			return err
		}
		if !scope.Sees(e.ProjectID) {
			return notFound("execution", id)
		}
		if !e.Status.Ended() {
			return faas.Errorf(faas.Conflict, "Execution %s has not ended; it can be deleted when it has.", id)
		}
		n, err := t.exec(`DELETE FROM executions WHERE id = ?`, id)
		if err == nil && n == 0 { // another process was first
			return notFound("execution", id)
		}
		return err
	})
}

func (t *tx) execution(id string) (faas.Execution, error) {
	e, err := scanExecution(t.queryRow(`SELECT `+executionColumns+` FROM executions WHERE id = ?`, id))
	return e, missing("execution", id, err)
}

// insert writes whole rows, all or none, and counts the calls for their functions.
func (t *tx) insert(rows ...*faas.Execution) error {
	query, args := insertExecution, make([]any, 0, len(rows)*strings.Count(executionRow, "?"))
	if len(rows) > 1 {
		query += strings.Repeat(", "+executionRow, len(rows)-1)
	}
	for _, e := range rows {
		args = append(args,
			e.ID, e.ProjectID, e.UserID, e.RequestID, e.FunctionID, e.FunctionVersion, e.FunctionAlias, e.Description,
			flag(e.Sync), string(e.Status), e.Owner, micros(e.LeaseUntil), e.Attempts,
			micros(e.CreatedAt), micros(e.StartedAt), micros(e.EndedAt), micros(e.UpdatedAt), e.Input, e.Result, e.Log)
	}
	if _, err := t.exec(query, args...); err != nil {
		return t.already("execution", rows[0].ID, err)
	}
	for _, e := range rows {
		t.calls[e.FunctionID]++
	}
	return nil
}

func scanExecution(row scanner) (e faas.Execution, err error) {
	err = row.Scan(&e.ID, &e.ProjectID, &e.UserID, &e.RequestID, &e.FunctionID, &e.FunctionVersion, &e.FunctionAlias, &e.Description,
		&e.Sync, &e.Status, &e.Owner, timeColumn{&e.LeaseUntil}, &e.Attempts,
		timeColumn{&e.CreatedAt}, timeColumn{&e.StartedAt}, timeColumn{&e.EndedAt}, timeColumn{&e.UpdatedAt}, &e.Input, &e.Result)
	return e, err
}
