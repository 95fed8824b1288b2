-- +goose Up
-- Packages that are being stored, being deleted, or were deleted lately. Whoever records a function, and whoever deletes its package, must have this row.
-- due_at is when an upload is taken for given up, a deletion for given up, or the deleted one is forgotten.
CREATE TABLE package_notes (
    sha256 TEXT    NOT NULL PRIMARY KEY,
    state  TEXT    NOT NULL,
    due_at INTEGER NOT NULL
);
CREATE INDEX package_notes_due ON package_notes (due_at);
