-- +goose Up
-- What requests name instead of giving its id.
CREATE INDEX runtimes_by_name ON runtimes (name, id);
CREATE INDEX functions_by_name ON functions (project_id, name, id);
CREATE INDEX jobs_by_name ON jobs (project_id, name, id);
