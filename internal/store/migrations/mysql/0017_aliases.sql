-- +goose Up
-- Names that stand for a version of a function. canary_version gets canary_percent of the calls; 0 percent is none.
CREATE TABLE IF NOT EXISTS aliases (
    id               CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id       VARCHAR(255)  NOT NULL,
    name             VARCHAR(255)  NOT NULL,
    function_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    function_version BIGINT        NOT NULL,
    canary_version   BIGINT        NOT NULL,
    canary_percent   BIGINT        NOT NULL,
    description      VARCHAR(1024) NOT NULL,
    created_at       BIGINT        NOT NULL,
    updated_at       BIGINT        NOT NULL,
    UNIQUE INDEX aliases_name (project_id, name),
    INDEX aliases_of_project (project_id, created_at, id),
    INDEX aliases_of_function (function_id),
    INDEX aliases_by_age (created_at),
    CONSTRAINT aliases_function FOREIGN KEY (function_id) REFERENCES functions (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
