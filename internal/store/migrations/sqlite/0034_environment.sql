-- +goose Up
-- +faas expand
-- What a function's code finds in its environment, as JSON: names and values, those of secrets
-- sealed; NULL: nothing.
ALTER TABLE functions ADD COLUMN environment TEXT;
ALTER TABLE functions ADD COLUMN secrets TEXT;
ALTER TABLE function_versions ADD COLUMN environment TEXT;
ALTER TABLE function_versions ADD COLUMN secrets TEXT;
