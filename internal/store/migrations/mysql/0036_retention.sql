-- +goose Up
-- +faas expand
-- For how many days, and how many, records of a function's executions are kept; 0: as its project's.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'retention_days'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN retention_days BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'retention_count'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN retention_count BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
