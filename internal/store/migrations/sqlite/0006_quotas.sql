-- +goose Up
-- What single projects may have, where that differs from the configuration; -1 is without bounds.
CREATE TABLE quotas (
    project_id TEXT    NOT NULL,
    resource   TEXT    NOT NULL,
    hard_limit INTEGER NOT NULL,
    PRIMARY KEY (project_id, resource)
) WITHOUT ROWID;

-- What each project has of what is counted here: changed in the same transaction as what it counts.
CREATE TABLE quota_usages (
    project_id TEXT    NOT NULL,
    resource   TEXT    NOT NULL,
    used       INTEGER NOT NULL,
    PRIMARY KEY (project_id, resource)
) WITHOUT ROWID;
