-- +goose Up
-- The labels of the clusters that a runtime's workers may be in; '' for any.
ALTER TABLE runtimes ADD COLUMN placement TEXT NOT NULL DEFAULT '';
