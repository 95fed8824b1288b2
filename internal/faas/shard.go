package faas

import (
	"fmt"
	"hash/fnv"
)

// Sharding is the number of shards that the functions, the projects and the work that is due are
// divided into. It is fixed when the database is made, and every process reads it from there. Each
// shard has one engine at a time that owns what concerns its functions: it grows and shrinks their
// workers, for one. More engines than shards leave some without any.
type Sharding int

// Of returns the shard of an id, from 0 to the number less one. It is the same in every process and
// release.
func (n Sharding) Of(id string) int { return hash(id, uint32(n)) }

// Ownership is what the owner of a shard shows for what it writes. The epoch grows each time an
// engine takes the shard: a write under an epoch that is over is refused.
type Ownership struct {
	Shard int
	Epoch int64
}

func hash(id string, parts uint32) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return int(h.Sum32() % parts)
}

// ShardName returns the name under which engines stand in line for the shard.
func ShardName(shard int) string { return fmt.Sprintf("functions.%d", shard) }

// MethodAcquireIn returns the name of MethodAcquire as the owner of a shard serves it.
func MethodAcquireIn(shard int) string { return fmt.Sprintf("%s.%d", MethodAcquire, shard) }
