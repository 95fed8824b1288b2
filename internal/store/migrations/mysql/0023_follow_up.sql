-- +goose Up
-- What caused an execution, and whether something follows its end.
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'executions' AND column_name = 'follow_up'),
    'DO 0',
    'ALTER TABLE executions ADD COLUMN follow_up TINYINT NOT NULL DEFAULT 0'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;
SET @change = IF(
    EXISTS(SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'executions' AND column_name = 'trigger_id'),
    'DO 0',
    'ALTER TABLE executions ADD COLUMN trigger_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL'
);
PREPARE change_executions FROM @change;
EXECUTE change_executions;
DEALLOCATE PREPARE change_executions;

-- Events that triggers had executions for, all of which failed. The record of the last of them has the same id.
CREATE TABLE IF NOT EXISTS dead_letters (
    id           CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    trigger_id   CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    project_id   VARCHAR(255)  NOT NULL,
    event_id     VARCHAR(1024) NOT NULL,
    event_source VARCHAR(1024) NOT NULL,
    event_type   VARCHAR(1024) NOT NULL,
    why          VARCHAR(1024) NOT NULL,
    attempts     BIGINT        NOT NULL,
    bytes        BIGINT        NOT NULL,
    created_at   BIGINT        NOT NULL,
    input        MEDIUMTEXT    NOT NULL,
    -- Adding up what a trigger has reads this and no rows.
    INDEX dead_letters_of_trigger (trigger_id, created_at, id, bytes),
    INDEX dead_letters_by_age (created_at),
    CONSTRAINT dead_letters_trigger FOREIGN KEY (trigger_id) REFERENCES triggers (id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
