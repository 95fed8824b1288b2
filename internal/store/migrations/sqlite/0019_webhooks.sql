-- +goose Up
-- What has a function called by whoever has its URL. function_id is NULL where function_alias says what is called.
CREATE TABLE webhooks (
    id               TEXT    NOT NULL PRIMARY KEY,
    project_id       TEXT    NOT NULL,
    function_id      TEXT    REFERENCES functions (id),
    function_version INTEGER NOT NULL,
    function_alias   TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    generation       INTEGER NOT NULL, -- of the URL
    previous_until   INTEGER NOT NULL, -- until when the one before is good; 0: it is not
    signature        TEXT    NOT NULL,
    signing_secret   TEXT    NOT NULL, -- sealed
    previous_key     TEXT    NOT NULL, -- sealed: the signing secret before
    expires_at       INTEGER NOT NULL,
    rate_limit       INTEGER NOT NULL, -- calls a minute; 0: none of its own
    body             TEXT    NOT NULL,
    sync             INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
);
CREATE INDEX webhooks_of_project ON webhooks (project_id, created_at, id);
CREATE INDEX webhooks_of_function ON webhooks (function_id);
CREATE INDEX webhooks_of_alias ON webhooks (project_id, function_alias);
CREATE INDEX webhooks_by_age ON webhooks (created_at);

-- +goose Down
DROP TABLE webhooks;
