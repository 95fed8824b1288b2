-- +goose Up
-- Where the outcomes of executions are taken, as JSON; NULL: nowhere.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'on_success'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN on_success TEXT NULL'
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'on_failure'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN on_failure TEXT NULL'
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
