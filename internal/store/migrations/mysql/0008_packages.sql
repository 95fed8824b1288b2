-- +goose Up
-- Packages that are being stored, being deleted, or were deleted lately. Whoever records a function, and whoever deletes its package, must have this row.
-- due_at is when an upload is taken for given up, a deletion for given up, or the deleted one is forgotten.
CREATE TABLE IF NOT EXISTS package_notes (
    sha256 VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    state  VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    due_at BIGINT      NOT NULL,
    INDEX package_notes_due (due_at)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
