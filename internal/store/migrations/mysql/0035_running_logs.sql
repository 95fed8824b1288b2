-- +goose Up
-- +faas expand
-- What executions that run for long have printed so far. execution_id refers to a row without a foreign key.
CREATE TABLE IF NOT EXISTS running_logs (
    execution_id CHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    written_at   BIGINT     NOT NULL,
    log_text     MEDIUMTEXT NOT NULL,
    INDEX running_logs_by_age (written_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
