-- +goose Up
-- Frozen copies of what functions run.
CREATE TABLE IF NOT EXISTS function_versions (
    id              CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    function_id     CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id      VARCHAR(255)  NOT NULL,
    version_number  BIGINT        NOT NULL,
    description     VARCHAR(1024) NOT NULL,
    call_count      BIGINT        NOT NULL,
    created_at      BIGINT        NOT NULL,
    entry           VARCHAR(1024) NOT NULL,
    code_source     VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_md5        VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_sha256     VARCHAR(64)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_size       BIGINT        NOT NULL,
    code_container  VARCHAR(1024) NOT NULL,
    code_object     VARCHAR(1024) NOT NULL,
    code_etag       VARCHAR(255)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code_image      VARCHAR(1024) NOT NULL,
    code_protocol   VARCHAR(32)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    cpu             BIGINT        NOT NULL,
    memory_size     BIGINT        NOT NULL,
    timeout_seconds BIGINT        NOT NULL,
    trust_id        VARCHAR(255)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    trust_roles     VARCHAR(2048) NOT NULL,
    UNIQUE INDEX function_versions_number (function_id, version_number),
    INDEX function_versions_of_function (function_id, created_at, id),
    INDEX function_versions_of_project (project_id, created_at, id),
    INDEX function_versions_of_package (code_sha256),
    INDEX function_versions_of_trust (trust_id),
    CONSTRAINT function_versions_function FOREIGN KEY (function_id) REFERENCES functions (id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The greatest number that a version of the function has had. It never falls, so that no number is given twice.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions' AND column_name = 'version_counter'),
    'DO 0',
    'ALTER TABLE functions ADD COLUMN version_counter BIGINT NOT NULL DEFAULT 0'
);
PREPARE change_functions FROM @change;
EXECUTE change_functions;
DEALLOCATE PREPARE change_functions;
