-- +goose Up
-- Frozen copies of what functions run.
CREATE TABLE function_versions (
    id              TEXT    NOT NULL PRIMARY KEY,
    function_id     TEXT    NOT NULL REFERENCES functions (id),
    project_id      TEXT    NOT NULL,
    version_number  INTEGER NOT NULL,
    description     TEXT    NOT NULL,
    call_count      INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    entry           TEXT    NOT NULL,
    code_source     TEXT    NOT NULL,
    code_md5        TEXT    NOT NULL,
    code_sha256     TEXT    NOT NULL,
    code_size       INTEGER NOT NULL,
    code_container  TEXT    NOT NULL,
    code_object     TEXT    NOT NULL,
    code_etag       TEXT    NOT NULL,
    code_image      TEXT    NOT NULL,
    code_protocol   TEXT    NOT NULL,
    cpu             INTEGER NOT NULL,
    memory_size     INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    trust_id        TEXT    NOT NULL,
    trust_roles     TEXT    NOT NULL
);
CREATE UNIQUE INDEX function_versions_number ON function_versions (function_id, version_number);
CREATE INDEX function_versions_of_function ON function_versions (function_id, created_at, id);
CREATE INDEX function_versions_of_project ON function_versions (project_id, created_at, id);
CREATE INDEX function_versions_of_package ON function_versions (code_sha256);
CREATE INDEX function_versions_of_trust ON function_versions (trust_id);

-- The greatest number that a version of the function has had. It never falls, so that no number is given twice.
ALTER TABLE functions ADD COLUMN version_counter INTEGER NOT NULL DEFAULT 0;
