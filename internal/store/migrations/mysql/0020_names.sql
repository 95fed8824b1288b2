-- +goose Up
-- What requests name instead of giving its id.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'runtimes' AND index_name = 'runtimes_by_name'),
    'DO 0',
    'CREATE INDEX runtimes_by_name ON runtimes (name)'
);
PREPARE change_runtimes FROM @change;
EXECUTE change_runtimes;
DEALLOCATE PREPARE change_runtimes;

SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'functions' AND index_name = 'functions_by_name'),
    'DO 0',
    'CREATE INDEX functions_by_name ON functions (project_id, name)'
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;

SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'jobs' AND index_name = 'jobs_by_name'),
    'DO 0',
    'CREATE INDEX jobs_by_name ON jobs (project_id, name)'
);
PREPARE change_jobs FROM @change;
EXECUTE change_jobs;
DEALLOCATE PREPARE change_jobs;
