-- +goose Up
-- How the container of an image function is given its calls; empty for other sources.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'code_protocol'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN code_protocol VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
