-- +goose Up
-- The executions of a trigger.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'executions' AND index_name = 'executions_of_trigger'),
    'DO 0',
    'CREATE INDEX executions_of_trigger ON executions (trigger_id, created_at, id)'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;

-- How many dead letters a trigger has, and what they take.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'triggers' AND column_name = 'letters'),
    'DO 0',
    'ALTER TABLE triggers ADD COLUMN letters BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_triggers FROM @change;
EXECUTE change_triggers;
DEALLOCATE PREPARE change_triggers;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'triggers' AND column_name = 'letter_bytes'),
    'DO 0',
    'ALTER TABLE triggers ADD COLUMN letter_bytes BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_triggers FROM @change;
EXECUTE change_triggers;
DEALLOCATE PREPARE change_triggers;
UPDATE triggers SET letters = (SELECT COUNT(*) FROM dead_letters WHERE trigger_id = triggers.id),
    letter_bytes = (SELECT COALESCE(SUM(bytes), 0) FROM dead_letters WHERE trigger_id = triggers.id);
