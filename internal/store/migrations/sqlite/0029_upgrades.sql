-- +goose Up
-- +faas expand
-- The processes that live, by the database's clock, each with its release and the newest migration that it knows.
CREATE TABLE processes (
    name       TEXT    NOT NULL PRIMARY KEY,
    program    TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    migration  INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);

-- The contracts of this schema: since each, programs must know migration readable_by to use it.
CREATE TABLE schema_contracts (
    version     INTEGER NOT NULL PRIMARY KEY,
    readable_by INTEGER NOT NULL
);
