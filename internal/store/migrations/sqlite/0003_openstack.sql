-- +goose Up
-- What a function has of Keystone and Swift: empty without them. trust_roles are names, separated by commas.
ALTER TABLE functions ADD COLUMN code_etag TEXT NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN trust_id TEXT NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN trust_roles TEXT NOT NULL DEFAULT '';
