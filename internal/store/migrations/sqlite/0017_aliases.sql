-- +goose Up
-- Names that stand for a version of a function. canary_version gets canary_percent of the calls; 0 percent is none.
CREATE TABLE aliases (
    id               TEXT    NOT NULL PRIMARY KEY,
    project_id       TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    function_id      TEXT    NOT NULL REFERENCES functions (id),
    function_version INTEGER NOT NULL,
    canary_version   INTEGER NOT NULL,
    canary_percent   INTEGER NOT NULL,
    description      TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
);
CREATE UNIQUE INDEX aliases_name ON aliases (project_id, name);
CREATE INDEX aliases_of_project ON aliases (project_id, created_at, id);
CREATE INDEX aliases_of_function ON aliases (function_id);
CREATE INDEX aliases_by_age ON aliases (created_at);
