-- +goose Up
-- What other services are to be told: written together with what has happened, and struck out when they were. See internal/notify.
CREATE TABLE outbox (
    id    TEXT NOT NULL PRIMARY KEY, -- of the message: that of the execution for its end
    event TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE outbox;
