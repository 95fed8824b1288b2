-- +goose Up
-- What has a function called by whoever has its URL. function_id is NULL where function_alias says what is called.
CREATE TABLE IF NOT EXISTS webhooks (
    id               CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    project_id       VARCHAR(255)  NOT NULL,
    function_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,
    function_version BIGINT        NOT NULL,
    function_alias   VARCHAR(255)  NOT NULL,
    description      VARCHAR(1024) NOT NULL,
    generation       BIGINT        NOT NULL, -- of the URL
    previous_until   BIGINT        NOT NULL, -- until when the one before is good; 0: it is not
    signature        VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    signing_secret   VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- sealed
    previous_key     VARCHAR(1024) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- sealed: the signing secret before
    expires_at       BIGINT        NOT NULL,
    rate_limit       BIGINT        NOT NULL, -- calls a minute; 0: none of its own
    body             VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    sync             TINYINT       NOT NULL,
    created_at       BIGINT        NOT NULL,
    updated_at       BIGINT        NOT NULL,
    INDEX webhooks_of_project (project_id, created_at, id),
    INDEX webhooks_of_function (function_id),
    INDEX webhooks_of_alias (project_id, function_alias),
    INDEX webhooks_by_age (created_at),
    -- Galera certifies by it, too: of a webhook that comes and its function that goes on two nodes at once, one is refused.
    CONSTRAINT webhooks_function FOREIGN KEY (function_id) REFERENCES functions (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE webhooks;
