-- +goose Up
-- +faas expand
-- Lists are in the order of (created_at, id). Of a table with partitions MariaDB does not use that each index ends with the
-- primary key, and sorts all rows that it finds: so these two name the id, which makes them no larger.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'executions' AND index_name = 'executions_of_function' AND column_name = 'id'),
    'DO 0',
    'ALTER TABLE executions
        DROP INDEX executions_of_function, ADD INDEX executions_of_function (function_id, created_at, id),
        DROP INDEX executions_by_age, ADD INDEX executions_by_age (created_at, id)'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
