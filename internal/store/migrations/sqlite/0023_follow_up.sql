-- +goose Up
-- What caused an execution, and whether something follows its end. They stand behind the log: NULL, 0 and 1 take no
-- bytes of a row, so that reading them reads nothing of a long log where no trigger caused the execution.
ALTER TABLE executions ADD COLUMN follow_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN trigger_id TEXT;

-- Events that triggers had executions for, all of which failed. The record of the last of them has the same id.
CREATE TABLE dead_letters (
    id           TEXT    NOT NULL PRIMARY KEY,
    trigger_id   TEXT    NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
    project_id   TEXT    NOT NULL,
    event_id     TEXT    NOT NULL,
    event_source TEXT    NOT NULL,
    event_type   TEXT    NOT NULL,
    why          TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    input        TEXT    NOT NULL
);
-- Adding up what a trigger has reads this and no rows.
CREATE INDEX dead_letters_of_trigger ON dead_letters (trigger_id, created_at, id, bytes);
CREATE INDEX dead_letters_by_age ON dead_letters (created_at);
