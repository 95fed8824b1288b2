-- +goose Up
-- The executions of a trigger. Those of none, which are most, are not in it.
CREATE INDEX executions_of_trigger ON executions (trigger_id, created_at, id) WHERE trigger_id IS NOT NULL;
-- How many dead letters a trigger has, and what they take.
ALTER TABLE triggers ADD COLUMN letters INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN letter_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE triggers SET letters = (SELECT COUNT(*) FROM dead_letters WHERE trigger_id = triggers.id),
    letter_bytes = (SELECT COALESCE(SUM(bytes), 0) FROM dead_letters WHERE trigger_id = triggers.id);
