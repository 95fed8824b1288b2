-- +goose Up
-- What has a function called at a time. function_id is NULL where function_alias says what is called, and where the
-- function of a job that has ended is gone.
CREATE TABLE jobs (
    id                   TEXT    NOT NULL PRIMARY KEY,
    project_id           TEXT    NOT NULL,
    user_id              TEXT    NOT NULL,
    name                 TEXT    NOT NULL,
    function_id          TEXT    REFERENCES functions (id) ON DELETE SET NULL,
    function_version     INTEGER NOT NULL,
    function_alias       TEXT    NOT NULL,
    input                TEXT    NOT NULL,
    pattern              TEXT    NOT NULL,
    time_zone            TEXT    NOT NULL,
    executions_left      INTEGER NOT NULL, -- -1: it is endless
    status               TEXT    NOT NULL,
    status_reason        TEXT    NOT NULL,
    first_execution_time INTEGER NOT NULL,
    next_execution_time  INTEGER NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL
);
CREATE INDEX jobs_of_project ON jobs (project_id, created_at, id);
CREATE INDEX jobs_of_function ON jobs (function_id);
CREATE INDEX jobs_of_alias ON jobs (project_id, function_alias);
CREATE INDEX jobs_by_age ON jobs (created_at);

-- +goose Down
DROP TABLE jobs;
