-- +goose Up
-- What has a function called when something happens. function_id is NULL where function_alias says what is called, and where
-- the function of a trigger that is being deleted is gone.
CREATE TABLE triggers (
    id               TEXT    NOT NULL PRIMARY KEY,
    project_id       TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    function_id      TEXT    REFERENCES functions (id) ON DELETE SET NULL,
    function_version INTEGER NOT NULL,
    function_alias   TEXT    NOT NULL,
    source           TEXT    NOT NULL,
    settings         TEXT    NOT NULL,
    filter           TEXT    NOT NULL,
    template         TEXT    NOT NULL,
    retries          INTEGER NOT NULL,
    retry_delay      INTEGER NOT NULL, -- seconds
    status           TEXT    NOT NULL,
    status_reason    TEXT    NOT NULL,
    generation       INTEGER NOT NULL, -- of the URL
    trust_id         TEXT    NOT NULL,
    state            TEXT    NOT NULL, -- the keeper's own
    delivered        INTEGER NOT NULL,
    filtered         INTEGER NOT NULL,
    duplicates       INTEGER NOT NULL,
    failed           INTEGER NOT NULL,
    last_event_at    INTEGER NOT NULL,
    last_event_id    TEXT    NOT NULL,
    last_error       TEXT    NOT NULL,
    last_error_at    INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
);
CREATE INDEX triggers_of_project ON triggers (project_id, created_at, id);
CREATE INDEX triggers_of_function ON triggers (function_id);
CREATE INDEX triggers_of_alias ON triggers (project_id, function_alias);
CREATE INDEX triggers_by_age ON triggers (created_at);
CREATE INDEX triggers_of_source ON triggers (source, id);
CREATE INDEX triggers_by_name ON triggers (project_id, name);

-- +goose Down
DROP TABLE triggers;
