-- +goose Up
-- Which image the name of a function's image stood for when it was set, and as whom it is pulled. The password is sealed.
ALTER TABLE functions ADD COLUMN code_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE function_versions ADD COLUMN code_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN registry_user TEXT NOT NULL DEFAULT '';
ALTER TABLE functions ADD COLUMN registry_password TEXT NOT NULL DEFAULT '';
