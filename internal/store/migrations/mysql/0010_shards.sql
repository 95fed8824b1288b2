-- +goose Up
-- The parts that the functions and the work that is due are divided into. Their number is fixed here: every process reads it from this table. epoch
-- grows each time an engine takes a shard; what an owner writes is conditional on it.
CREATE TABLE IF NOT EXISTS shards (
    id       INT          NOT NULL PRIMARY KEY,
    epoch    BIGINT       NOT NULL,
    owner    VARCHAR(255) NOT NULL, -- the engine that took it last
    owned_at BIGINT       NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT IGNORE INTO shards (id, epoch, owner, owned_at)
SELECT a.n + 4 * b.n + 16 * c.n, 0, '', 0
FROM (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) a,
     (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) b,
     (SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) c;

-- The engines that live, by the database's clock. standing is the set of engines for which this one stands in its lines: others hand shards over to it
-- once it stands for the set that they see.
CREATE TABLE IF NOT EXISTS engines (
    name     VARCHAR(255) NOT NULL PRIMARY KEY,
    seen_at  BIGINT       NOT NULL,
    standing VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
