-- +goose Up
-- How many rows each change of a writer's last batch found, a digit each: the answer to them may be lost together with that to the COMMIT.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'writers' AND column_name = 'outcome'),
    'DO 0',
    'ALTER TABLE writers ADD COLUMN outcome VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_writers FROM @change;
EXECUTE change_writers;
DEALLOCATE PREPARE change_writers;
