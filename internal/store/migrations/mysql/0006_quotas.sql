-- +goose Up
-- What single projects may have, where that differs from the configuration; -1 is without bounds.
CREATE TABLE IF NOT EXISTS quotas (
    project_id VARCHAR(255) NOT NULL,
    resource   VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    hard_limit BIGINT       NOT NULL,
    PRIMARY KEY (project_id, resource)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What each project has of what is counted here: changed in the same transaction as what it counts.
CREATE TABLE IF NOT EXISTS quota_usages (
    project_id VARCHAR(255) NOT NULL,
    resource   VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    used       BIGINT       NOT NULL,
    PRIMARY KEY (project_id, resource)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
