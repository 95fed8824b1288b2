-- +goose Up
-- +faas expand
-- Executions and their contents are divided by the time of their ids. A table that has rows is left as it is until
-- faas-manage db partition, which copies it while it is used.
SET @new = NOT EXISTS(SELECT 1 FROM runtimes) AND NOT EXISTS(SELECT 1 FROM engines);
SET @change = IF(
    NOT @new OR EXISTS(SELECT 1 FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'executions' AND partition_name IS NOT NULL),
    'DO 0',
    'ALTER TABLE executions PARTITION BY RANGE COLUMNS (id) (
        PARTITION ahead VALUES LESS THAN (''1''), PARTITION events VALUES LESS THAN (MAXVALUE))'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;

SET @change = IF(
    NOT @new OR EXISTS(SELECT 1 FROM information_schema.partitions WHERE table_schema = DATABASE() AND table_name = 'execution_contents' AND partition_name IS NOT NULL),
    'DO 0',
    'ALTER TABLE execution_contents PARTITION BY RANGE COLUMNS (execution_id) (
        PARTITION ahead VALUES LESS THAN (''1''), PARTITION events VALUES LESS THAN (MAXVALUE))'
);
PREPARE change_contents FROM @change;
EXECUTE change_contents;
DEALLOCATE PREPARE change_contents;
