-- +goose Up
-- +faas expand
-- What happened to executions beside what their rows say: only what is unusual. No foreign key: the
-- table of executions may be partitioned.
CREATE TABLE IF NOT EXISTS execution_events (
    execution_id CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind         VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    nth          BIGINT       NOT NULL,
    at           BIGINT       NOT NULL,
    times        BIGINT       NOT NULL,
    took         BIGINT       NOT NULL,
    worker_id    VARCHAR(255) NOT NULL,
    process      VARCHAR(255) NOT NULL,
    detail       VARCHAR(1024) NOT NULL,
    PRIMARY KEY (execution_id, kind, nth),
    INDEX execution_events_by_age (at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
