-- +goose Up
-- Times are microseconds since 1970 in UTC; 0 is none (docs/adr/0005). Texts compare byte by byte (but for spaces at their end, which
-- MySQL's and MariaDB's one common binary collation leaves out of account). Every migration may be run again after an interruption anywhere in it:
-- statements that change the schema are committed one by one.
CREATE TABLE IF NOT EXISTS runtimes (
    id            CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id    VARCHAR(255)  NOT NULL,
    name          VARCHAR(255)  NOT NULL,
    description   VARCHAR(1024) NOT NULL,
    image         VARCHAR(1024) NOT NULL,
    status        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status_reason MEDIUMTEXT    NOT NULL,
    is_public     TINYINT       NOT NULL,
    trusted       TINYINT       NOT NULL,
    created_at    BIGINT        NOT NULL,
    updated_at    BIGINT        NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS functions (
    id              CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id      VARCHAR(255)  NOT NULL,
    name            VARCHAR(255)  NOT NULL,
    description     VARCHAR(1024) NOT NULL,
    runtime_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,
    entry           VARCHAR(1024) NOT NULL,
    code_source     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_md5        VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_sha256     VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_size       BIGINT        NOT NULL,
    code_container  VARCHAR(1024) NOT NULL,
    code_object     VARCHAR(1024) NOT NULL,
    code_image      VARCHAR(1024) NOT NULL,
    cpu             BIGINT        NOT NULL,
    memory_size     BIGINT        NOT NULL,
    timeout_seconds BIGINT        NOT NULL,
    call_count      BIGINT        NOT NULL,
    latest_version  BIGINT        NOT NULL,
    revision        BIGINT        NOT NULL,
    created_at      BIGINT        NOT NULL,
    updated_at      BIGINT        NOT NULL,
    INDEX functions_of_project (project_id, created_at, id),
    INDEX functions_of_runtime (runtime_id),
    INDEX functions_of_package (code_sha256),
    -- Galera certifies by it, too: of a function that comes and its runtime that goes on two nodes at once, one is refused.
    CONSTRAINT functions_runtime FOREIGN KEY (runtime_id) REFERENCES runtimes (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- function_id refers to no row: an execution's record outlives its function.
CREATE TABLE IF NOT EXISTS executions (
    id               CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id       VARCHAR(255)  NOT NULL,
    user_id          VARCHAR(255)  NOT NULL,
    request_id       VARCHAR(255)  NOT NULL,
    function_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    function_version BIGINT        NOT NULL,
    function_alias   VARCHAR(255)  NOT NULL,
    description      VARCHAR(1024) NOT NULL,
    sync             TINYINT       NOT NULL,
    status           VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    owner            VARCHAR(255)  NOT NULL,
    lease_until      BIGINT        NOT NULL, -- of a queued one: when its message is taken for lost
    attempts         BIGINT        NOT NULL,
    created_at       BIGINT        NOT NULL,
    started_at       BIGINT        NOT NULL,
    ended_at         BIGINT        NOT NULL,
    updated_at       BIGINT        NOT NULL,
    input            MEDIUMTEXT    NOT NULL,
    result           MEDIUMTEXT    NOT NULL,
    log_text         MEDIUMTEXT    NOT NULL,
    INDEX executions_of_project (project_id, created_at, id),
    INDEX executions_of_function (function_id, created_at),
    INDEX executions_by_age (created_at),
    -- What repair looks for stands together at its beginning, where ended_at is 0; what has ended is added at its end.
    INDEX executions_open (ended_at, status, lease_until)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The last batch that each process committed: it asks for its own when a COMMIT was not answered.
CREATE TABLE IF NOT EXISTS writers (
    id      CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    batch   BIGINT   NOT NULL, -- negative: the batch of this number was not committed and never will be
    seen_at BIGINT   NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE writers;
DROP TABLE executions;
DROP TABLE functions;
DROP TABLE runtimes;
