-- +goose Up
-- +faas expand
-- The processes that live, by the database's clock, each with its release and the newest migration that it knows.
CREATE TABLE IF NOT EXISTS processes (
    name       VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    program    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version    VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    migration  BIGINT       NOT NULL,
    started_at BIGINT       NOT NULL,
    seen_at    BIGINT       NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The contracts of this schema: since each, programs must know migration readable_by to use it.
CREATE TABLE IF NOT EXISTS schema_contracts (
    version     BIGINT NOT NULL PRIMARY KEY,
    readable_by BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
