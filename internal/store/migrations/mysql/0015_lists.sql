-- +goose Up
-- Lists of all projects' functions in the order of their creation.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'functions' AND index_name = 'functions_by_age'),
    'DO 0',
    'CREATE INDEX functions_by_age ON functions (created_at)'
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;

-- What the record of an execution takes, in bytes: what quotas count. Records from before have 0 and go by their age.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'executions' AND column_name = 'record_bytes'),
    'DO 0',
    'ALTER TABLE executions ADD COLUMN record_bytes BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;
