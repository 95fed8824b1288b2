-- +goose Up
-- What was to be done so far becomes due work. Any shard is right for an item that has one.
CREATE TABLE IF NOT EXISTS trusts_to_delete (
    trust_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    due_at   BIGINT       NOT NULL,
    attempts BIGINT       NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
INSERT IGNORE INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'trust-deletion', trust_id, CRC32(trust_id) % 64, 'waiting', due_at, 0, 0, attempts, '', 0 FROM trusts_to_delete;
DROP TABLE trusts_to_delete;

INSERT IGNORE INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'lost-message', id, CRC32(id) % 64, 'waiting', lease_until, 0, 0, 0, '', created_at FROM executions WHERE ended_at = 0 AND status = 'queued';

INSERT IGNORE INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'package-deletion', sha256, CRC32(sha256) % 64, 'waiting', due_at, 0, 0, 0, '', 0 FROM package_notes;

INSERT IGNORE INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
VALUES ('package-search', '', 0, 'waiting', 0, 0, 0, 0, '', 0);
