-- +goose Up
-- Where the outcomes of executions are taken, as JSON; NULL: nowhere.
ALTER TABLE functions ADD COLUMN on_success TEXT;
ALTER TABLE functions ADD COLUMN on_failure TEXT;
