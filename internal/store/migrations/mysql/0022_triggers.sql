-- +goose Up
-- What has a function called when something happens. function_id is NULL where function_alias says what is called, and where
-- the function of a trigger that is being deleted is gone.
CREATE TABLE IF NOT EXISTS triggers (
    id               CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id       VARCHAR(255)  NOT NULL,
    user_id          VARCHAR(255)  NOT NULL,
    name             VARCHAR(255)  NOT NULL,
    description      VARCHAR(1024) NOT NULL,
    function_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,
    function_version BIGINT        NOT NULL,
    function_alias   VARCHAR(255)  NOT NULL,
    source           VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    settings         MEDIUMTEXT    NOT NULL,
    filter           MEDIUMTEXT    NOT NULL,
    template         MEDIUMTEXT    NOT NULL,
    retries          BIGINT        NOT NULL,
    retry_delay      BIGINT        NOT NULL, -- seconds
    status           VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status_reason    VARCHAR(1024) NOT NULL,
    generation       BIGINT        NOT NULL, -- of the URL
    trust_id         VARCHAR(255)  NOT NULL,
    state            MEDIUMTEXT    NOT NULL, -- the keeper's own
    delivered        BIGINT        NOT NULL,
    filtered         BIGINT        NOT NULL,
    duplicates       BIGINT        NOT NULL,
    failed           BIGINT        NOT NULL,
    last_event_at    BIGINT        NOT NULL,
    last_event_id    VARCHAR(255)  NOT NULL,
    last_error       VARCHAR(1024) NOT NULL,
    last_error_at    BIGINT        NOT NULL,
    created_at       BIGINT        NOT NULL,
    updated_at       BIGINT        NOT NULL,
    INDEX triggers_of_project (project_id, created_at, id),
    INDEX triggers_of_function (function_id),
    INDEX triggers_of_alias (project_id, function_alias),
    INDEX triggers_by_age (created_at),
    INDEX triggers_of_source (source, id),
    INDEX triggers_by_name (project_id, name),
    CONSTRAINT triggers_function FOREIGN KEY (function_id) REFERENCES functions (id) ON DELETE SET NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE triggers;
