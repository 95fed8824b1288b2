-- +goose Up
-- +faas expand
-- A project's executions of one status, in the order of lists.
CREATE INDEX executions_by_status ON executions (project_id, status, created_at, id);
