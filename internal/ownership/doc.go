// Package ownership divides the shards between the engines that live. Each engine announces itself
// in the database; from the names that it sees there, each works out by itself, and all alike,
// whose a shard should be (View). RabbitMQ elects who owns it: an engine stands in line for the
// shards that it should own and for those that it is to take over when their owner ends, and an
// owner that should not be one hands its shard over to the engine that should, once that stands in
// line.
//
// So three things say who owns a shard, and each has its own weight:
//
//   - The announcements say what should be. They may be late and differ between engines for a
//     moment. Nothing is wrong then: shards are where they were, or move once more.
//   - The broker says who owns a shard. It passes the shard on when a connection dies, without
//     waiting for any announcement to grow old.
//   - The epoch in the database says whose writes count. Each owner takes its shard there first,
//     and its writes are refused as soon as another has. So a process that was frozen while it lost
//     a shard does no harm.
package ownership
