-- +goose Up
-- What a function has of Keystone and Swift: empty without them. trust_roles are names, separated by commas.
ALTER TABLE functions ADD COLUMN code_etag VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN trust_id VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN trust_roles VARCHAR(2048) NOT NULL DEFAULT '';
