-- +goose Up
-- +faas expand
-- When work that is due later was asked for sooner, unless an attempt has begun since; 0: it was not.
ALTER TABLE due_work ADD COLUMN woken_at INTEGER NOT NULL DEFAULT 0;
