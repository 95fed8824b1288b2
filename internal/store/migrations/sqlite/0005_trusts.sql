-- +goose Up
-- Keystone trusts that no function has any more, or not yet: each is deleted once it is due, unless a function was recorded with it before.
CREATE TABLE trusts_to_delete (
    trust_id TEXT    NOT NULL PRIMARY KEY,
    due_at   INTEGER NOT NULL,
    attempts INTEGER NOT NULL
);
CREATE INDEX trusts_to_delete_due ON trusts_to_delete (due_at);
