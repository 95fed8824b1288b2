-- +goose Up
-- The parts that the functions and the work that is due are divided into. Their number is fixed here: every process reads it from this table. epoch
-- grows each time an engine takes a shard; what an owner writes is conditional on it.
CREATE TABLE shards (
    id       INTEGER NOT NULL PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    owner    TEXT    NOT NULL, -- the engine that took it last
    owned_at INTEGER NOT NULL
);
INSERT INTO shards (id, epoch, owner, owned_at)
SELECT a.n + 4 * b.n + 16 * c.n, 0, '', 0
FROM (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) a,
     (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) b,
     (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) c;

-- The engines that live, by the database's clock. standing is the set of engines for which this one stands in its lines: others hand shards over to it
-- once it stands for the set that they see.
CREATE TABLE engines (
    name     TEXT    NOT NULL PRIMARY KEY,
    seen_at  INTEGER NOT NULL,
    standing TEXT    NOT NULL
);
