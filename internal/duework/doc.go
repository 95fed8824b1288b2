// Package duework does work that is due at a time: retention, the deletion of packages and trusts,
// the publishing of messages that were lost. An item of work is a row of the table due_work; its
// kind and its ref name it, and its ref has it belong to a shard. The engine that owns the shard
// does it.
//
// To add a kind takes three things:
//
//  1. A row, with the write that makes the work necessary: dueItems.add in package store, in the
//     same transaction. Then nothing is forgotten, whatever dies when. Recurring work needs no such
//     write: a Kind with Every has its row from the start on.
//  2. A Kind with a Run, which does one item in a bounded step and returns Done, or Again after a
//     time, or an error.
//  3. A place in the list of kinds that the engine is made with.
//
// What Run may rely on: an item is in one pair of hands at a time, and it comes again until Run has
// returned without an error and that is recorded. It may so be run twice: when the process dies, or
// the database, between the work and its record, or when the work takes longer than Timeout. What
// must be done exactly once is written in one transaction with dueDone or dueAgain of package
// store.
//
// An error has the item tried again after a pause that doubles each time. After as many errors in a
// row as the kind allows, and not because something is away, the item is dead: it stays in the
// table, with its last error, until an operator has it tried again (docs/admin/operating.md). Every
// kind has hands of its own, so that one which waits for a service that is away keeps no other
// waiting.
//
// Times are the database's, whatever the clocks of engines say. Work that is not due costs nothing:
// one statement looks for what is due of all kinds and all shards of this engine, and reads nothing
// else.
package duework
