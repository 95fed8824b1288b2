-- +goose Up
-- Work that is due at a time, by the database's clock. The owner of its shard takes it: it is then due again when the owner's time for it has run out, and
-- token says whose it is until then. See internal/duework.
CREATE TABLE due_work (
    kind       TEXT    NOT NULL,
    ref        TEXT    NOT NULL, -- what it is about
    shard      INTEGER NOT NULL,
    state      TEXT    NOT NULL, -- waiting, or dead: failed too often
    due_at     INTEGER NOT NULL,
    epoch      INTEGER NOT NULL, -- of the shard, when it was taken last
    token      INTEGER NOT NULL, -- of whoever has it in hand; 0: nobody
    attempts   INTEGER NOT NULL, -- how often it was taken since it succeeded last
    last_error TEXT    NOT NULL,
    added_at   INTEGER NOT NULL,
    PRIMARY KEY (kind, ref)
);
-- Each kind is looked up by itself, so that much work of one keeps no other waiting.
CREATE INDEX due_work_by_time ON due_work (kind, state, due_at, shard);
