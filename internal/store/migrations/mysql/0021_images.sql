-- +goose Up
-- Which image the name of a function's image stood for when it was set, and as whom it is pulled. The password is sealed.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'code_digest'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN code_digest VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'function_versions' AND column_name = 'code_digest'),
    'DO 0',
    'ALTER TABLE function_versions ADD COLUMN code_digest VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_function_versions FROM @change;
EXECUTE change_function_versions;
DEALLOCATE PREPARE change_function_versions;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'registry_user'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN registry_user VARCHAR(255) NOT NULL DEFAULT '''''
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'registry_password'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN registry_password VARCHAR(2048) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '''''
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
