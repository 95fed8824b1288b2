-- +goose Up
-- What a runtime has for functions, as its workers say; modules is the JSON of a list.
ALTER TABLE runtimes ADD COLUMN interpreter TEXT NOT NULL DEFAULT '';
ALTER TABLE runtimes ADD COLUMN modules TEXT NOT NULL DEFAULT '';
