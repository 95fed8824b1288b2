-- +goose Up
-- +faas expand
-- What happened to executions beside what their rows say: only what is unusual. No foreign key: the
-- table of executions may be partitioned.
CREATE TABLE execution_events (
    execution_id TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    nth          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    times        INTEGER NOT NULL,
    took         INTEGER NOT NULL,
    worker_id    TEXT    NOT NULL,
    process      TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    PRIMARY KEY (execution_id, kind, nth)
) WITHOUT ROWID;
CREATE INDEX execution_events_by_age ON execution_events (at);
