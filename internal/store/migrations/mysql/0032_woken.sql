-- +goose Up
-- +faas expand
-- When work that is due later was asked for sooner, unless an attempt has begun since; 0: it was not.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'due_work' AND column_name = 'woken_at'),
    'DO 0',
    'ALTER TABLE due_work ADD COLUMN woken_at BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_due_work FROM @change;
EXECUTE change_due_work;
DEALLOCATE PREPARE change_due_work;
