-- +goose Up
-- What other services are to be told: written together with what has happened, and struck out when they were. See internal/notify.
CREATE TABLE IF NOT EXISTS outbox (
    id    CHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, -- of the message: that of the execution for its end
    event MEDIUMTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- +goose Down
DROP TABLE outbox;
