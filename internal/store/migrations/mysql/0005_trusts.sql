-- +goose Up
-- Keystone trusts that no function has any more, or not yet: each is deleted once it is due, unless a function was recorded with it before.
CREATE TABLE IF NOT EXISTS trusts_to_delete (
    trust_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    due_at   BIGINT       NOT NULL,
    attempts BIGINT       NOT NULL,
    INDEX trusts_to_delete_due (due_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
