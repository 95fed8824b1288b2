-- +goose Up
-- The labels of the clusters that a runtime's workers may be in; '' for any.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'runtimes' AND column_name = 'placement'),
    'DO 0',
    'ALTER TABLE runtimes ADD COLUMN placement VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_runtimes FROM @change;
EXECUTE change_runtimes;
DEALLOCATE PREPARE change_runtimes;
