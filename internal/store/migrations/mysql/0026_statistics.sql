-- +goose Up
-- How often functions were called, by steps of time and classes of durations. Without a function a row is of a whole
-- project, without a project of all.
CREATE TABLE IF NOT EXISTS statistics (
    project_id     VARCHAR(255) NOT NULL,
    function_id    CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    step           INT          NOT NULL,
    at             BIGINT       NOT NULL,
    duration_class INT          NOT NULL,
    calls          BIGINT       NOT NULL,
    failed         BIGINT       NOT NULL,
    errors         BIGINT       NOT NULL,
    cancelled      BIGINT       NOT NULL,
    cold           BIGINT       NOT NULL,
    kb_ms          BIGINT       NOT NULL,
    PRIMARY KEY (project_id, function_id, step, at, duration_class),
    INDEX statistics_by_age (step, at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
