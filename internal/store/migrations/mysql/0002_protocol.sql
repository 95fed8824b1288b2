-- +goose Up
-- How the container of an image function is given its calls; empty for other sources.
ALTER TABLE functions ADD COLUMN code_protocol VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
