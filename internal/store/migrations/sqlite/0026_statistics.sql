-- +goose Up
-- How often functions were called, by steps of time and classes of durations. Without a function a row is of a whole
-- project, without a project of all.
CREATE TABLE statistics (
    project_id     TEXT    NOT NULL,
    function_id    TEXT    NOT NULL,
    step           INTEGER NOT NULL,
    at             INTEGER NOT NULL,
    duration_class INTEGER NOT NULL,
    calls          INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    errors         INTEGER NOT NULL,
    cancelled      INTEGER NOT NULL,
    cold           INTEGER NOT NULL,
    kb_ms          INTEGER NOT NULL,
    PRIMARY KEY (project_id, function_id, step, at, duration_class)
) WITHOUT ROWID;
CREATE INDEX statistics_by_age ON statistics (step, at);
