-- +goose Up
-- +faas expand
-- What executions that run for long have printed so far. execution_id refers to a row without a foreign key.
CREATE TABLE running_logs (
    execution_id TEXT    NOT NULL PRIMARY KEY,
    written_at   INTEGER NOT NULL,
    log_text     TEXT    NOT NULL
);
CREATE INDEX running_logs_by_age ON running_logs (written_at);
