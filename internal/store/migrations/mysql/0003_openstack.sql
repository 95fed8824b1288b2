-- +goose Up
-- What a function has of Keystone and Swift: empty without them. trust_roles are names, separated by commas. One statement: there are all or none.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'code_etag'),
    'DO 0',
    'ALTER TABLE functions
        ADD COLUMN code_etag VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''',
        ADD COLUMN trust_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''',
        ADD COLUMN trust_roles VARCHAR(2048) NOT NULL DEFAULT '''''
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
