-- +goose Up
-- What was to be done so far becomes due work. Any shard is right for an item that has one.
INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'trust-deletion', trust_id, ABS(RANDOM() % 64), 'waiting', due_at, 0, 0, attempts, '', 0 FROM trusts_to_delete;
DROP TABLE trusts_to_delete;

INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'lost-message', id, ABS(RANDOM() % 64), 'waiting', lease_until, 0, 0, 0, '', created_at FROM executions WHERE ended_at = 0 AND status = 'queued';

INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
SELECT 'package-deletion', sha256, ABS(RANDOM() % 64), 'waiting', due_at, 0, 0, 0, '', 0 FROM package_notes;

INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
VALUES ('package-search', '', 0, 'waiting', 0, 0, 0, 0, '', 0);
