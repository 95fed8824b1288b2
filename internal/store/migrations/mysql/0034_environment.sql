-- +goose Up
-- +faas expand
-- What a function's code finds in its environment, as JSON: names and values, those of secrets
-- sealed; NULL: nothing.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'environment'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN environment TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'secrets'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN secrets TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'function_versions' AND column_name = 'environment'),
    'DO 0',
    'ALTER TABLE function_versions ADD COLUMN environment TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'function_versions' AND column_name = 'secrets'),
    'DO 0',
    'ALTER TABLE function_versions ADD COLUMN secrets TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
