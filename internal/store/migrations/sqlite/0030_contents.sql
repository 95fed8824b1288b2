-- +goose Up
-- +faas expand
-- Texts of executions that are too long for their rows.
CREATE TABLE execution_contents (
    execution_id TEXT NOT NULL,
    kind         TEXT NOT NULL,
    content      TEXT NOT NULL,
    PRIMARY KEY (execution_id, kind)
);

-- The bytes of a text of which the row has the beginning only; 0: it has the whole.
ALTER TABLE executions ADD COLUMN input_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN result_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;

-- A database without runtimes and engines has never executed anything: it is new, and no program that does not know this migration
-- is to use it. In others, texts go on being written into rows until faas-manage db finish.
INSERT INTO schema_contracts (version, readable_by) SELECT 30, 30
WHERE NOT EXISTS (SELECT 1 FROM runtimes) AND NOT EXISTS (SELECT 1 FROM engines);
