-- +goose Up
-- +faas expand
-- Texts of executions that are too long for their rows. execution_id refers to a row without a foreign key: rows of both
-- go together, and partitions have no foreign keys.
CREATE TABLE IF NOT EXISTS execution_contents (
    execution_id CHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind         VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    content      MEDIUMTEXT  NOT NULL,
    PRIMARY KEY (execution_id, kind)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The bytes of a text of which the row has the beginning only; 0: it has the whole. Servers add such columns at once,
-- whatever the table's size.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'executions' AND column_name = 'log_bytes'),
    'DO 0',
    'ALTER TABLE executions
        ADD COLUMN input_bytes BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN result_bytes BIGINT NOT NULL DEFAULT 0,
        ADD COLUMN log_bytes BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;

-- A database without runtimes and engines has never executed anything: it is new, and no program that does not know this migration
-- is to use it. In others, texts go on being written into rows until faas-manage db finish.
INSERT INTO schema_contracts (version, readable_by) SELECT 30, 30 FROM DUAL
WHERE NOT EXISTS (SELECT 1 FROM runtimes) AND NOT EXISTS (SELECT 1 FROM engines)
    AND NOT EXISTS (SELECT 1 FROM schema_contracts WHERE version = 30);
