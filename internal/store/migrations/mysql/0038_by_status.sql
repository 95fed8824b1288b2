-- +goose Up
-- +faas expand
-- A project's executions of one status, in the order of lists.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'executions' AND index_name = 'executions_by_status'),
    'DO 0',
    'CREATE INDEX executions_by_status ON executions (project_id, status, created_at, id)'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;
