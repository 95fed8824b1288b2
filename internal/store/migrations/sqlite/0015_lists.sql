-- +goose Up
-- Lists of all projects' functions in the order of their creation.
CREATE INDEX functions_by_age ON functions (created_at);

-- What the record of an execution takes, in bytes: what quotas count. Records from before have 0 and go by their age.
ALTER TABLE executions ADD COLUMN record_bytes INTEGER NOT NULL DEFAULT 0;
