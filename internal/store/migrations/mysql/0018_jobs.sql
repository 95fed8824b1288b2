-- +goose Up
-- What has a function called at a time. function_id is NULL where function_alias says what is called, and where the
-- function of a job that has ended is gone.
CREATE TABLE IF NOT EXISTS jobs (
    id                   CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id           VARCHAR(255)  NOT NULL,
    user_id              VARCHAR(255)  NOT NULL,
    name                 VARCHAR(255)  NOT NULL,
    function_id          CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,
    function_version     BIGINT        NOT NULL,
    function_alias       VARCHAR(255)  NOT NULL,
    input                MEDIUMTEXT    NOT NULL,
    pattern              VARCHAR(255)  NOT NULL,
    time_zone            VARCHAR(64)   NOT NULL,
    executions_left      BIGINT        NOT NULL, -- -1: it is endless
    status               VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status_reason        VARCHAR(1024) NOT NULL,
    first_execution_time BIGINT        NOT NULL,
    next_execution_time  BIGINT        NOT NULL,
    created_at           BIGINT        NOT NULL,
    updated_at           BIGINT        NOT NULL,
    INDEX jobs_of_project (project_id, created_at, id),
    INDEX jobs_of_function (function_id),
    INDEX jobs_of_alias (project_id, function_alias),
    INDEX jobs_by_age (created_at),
    CONSTRAINT jobs_function FOREIGN KEY (function_id) REFERENCES functions (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE jobs;
