-- +goose Up
-- Times are microseconds since 1970 in UTC; 0 is none (docs/adr/0005).
CREATE TABLE runtimes (
    id            TEXT    NOT NULL PRIMARY KEY,
    project_id    TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    image         TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    status_reason TEXT    NOT NULL,
    is_public     INTEGER NOT NULL,
    trusted       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
);

CREATE TABLE functions (
    id              TEXT    NOT NULL PRIMARY KEY,
    project_id      TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    description     TEXT    NOT NULL,
    runtime_id      TEXT    REFERENCES runtimes (id),
    entry           TEXT    NOT NULL,
    code_source     TEXT    NOT NULL,
    code_md5        TEXT    NOT NULL,
    code_sha256     TEXT    NOT NULL,
    code_size       INTEGER NOT NULL,
    code_container  TEXT    NOT NULL,
    code_object     TEXT    NOT NULL,
    code_image      TEXT    NOT NULL,
    cpu             INTEGER NOT NULL,
    memory_size     INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    call_count      INTEGER NOT NULL,
    latest_version  INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
);
CREATE INDEX functions_of_project ON functions (project_id, created_at, id);
CREATE INDEX functions_of_runtime ON functions (runtime_id);
CREATE INDEX functions_of_package ON functions (code_sha256);

-- function_id refers to no row: an execution's record outlives its function.
CREATE TABLE executions (
    id               TEXT    NOT NULL PRIMARY KEY,
    project_id       TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    request_id       TEXT    NOT NULL,
    function_id      TEXT    NOT NULL,
    function_version INTEGER NOT NULL,
    function_alias   TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    sync             INTEGER NOT NULL,
    status           TEXT    NOT NULL,
    owner            TEXT    NOT NULL,
    lease_until      INTEGER NOT NULL, -- of a queued one: when its message is taken for lost
    attempts         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    ended_at         INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    input            TEXT    NOT NULL,
    result           TEXT    NOT NULL,
    log_text         TEXT    NOT NULL
);
CREATE INDEX executions_of_project ON executions (project_id, created_at, id);
CREATE INDEX executions_of_function ON executions (function_id, created_at);
CREATE INDEX executions_by_age ON executions (created_at);
-- What repair looks for: few rows, however many have ended.
CREATE INDEX executions_open ON executions (status, lease_until) WHERE ended_at = 0;

-- +goose Down
DROP TABLE executions;
DROP TABLE functions;
DROP TABLE runtimes;
