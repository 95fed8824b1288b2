-- +goose Up
-- What a runtime has for functions, as its workers say; modules is the JSON of a list.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'runtimes' AND column_name = 'interpreter'),
    'DO 0',
    'ALTER TABLE runtimes ADD COLUMN interpreter VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_runtimes FROM @change;
EXECUTE change_runtimes;
DEALLOCATE PREPARE change_runtimes;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'runtimes' AND column_name = 'modules'),
    'DO 0',
    'ALTER TABLE runtimes ADD COLUMN modules VARCHAR(16384) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_runtimes FROM @change;
EXECUTE change_runtimes;
DEALLOCATE PREPARE change_runtimes;
