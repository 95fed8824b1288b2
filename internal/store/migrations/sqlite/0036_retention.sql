-- +goose Up
-- +faas expand
-- For how many days, and how many, records of a function's executions are kept; 0: as its project's.
ALTER TABLE functions ADD COLUMN retention_days INTEGER NOT NULL DEFAULT 0;
ALTER TABLE functions ADD COLUMN retention_count INTEGER NOT NULL DEFAULT 0;
