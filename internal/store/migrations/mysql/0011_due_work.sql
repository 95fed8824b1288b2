-- +goose Up
-- Work that is due at a time, by the database's clock. The owner of its shard takes it: it is then due again when the owner's time for it has run out, and
-- token says whose it is until then. See internal/duework.
CREATE TABLE IF NOT EXISTS due_work (
    kind       VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ref        VARCHAR(255)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- what it is about
    shard      INT           NOT NULL,
    state      VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- waiting, or dead: failed too often
    due_at     BIGINT        NOT NULL,
    epoch      BIGINT        NOT NULL, -- of the shard, when it was taken last
    token      BIGINT        NOT NULL, -- of whoever has it in hand; 0: nobody
    attempts   BIGINT        NOT NULL, -- how often it was taken since it succeeded last
    last_error VARCHAR(1024) NOT NULL,
    added_at   BIGINT        NOT NULL,
    PRIMARY KEY (kind, ref),
    -- Each kind is looked up by itself, so that much work of one keeps no other waiting.
    INDEX due_work_by_time (kind, state, due_at, shard)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
