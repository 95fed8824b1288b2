// Package store keeps runtimes, functions and executions in a SQL database. The exported methods
// own their transactions; everything private below them takes one.
//
// The database is a MySQL or MariaDB server, a Galera cluster of them, or an SQLite file. What
// differs is in dialect.go and the files of each; every other statement is the same for all.
// Several processes write to a server at a time, so an operation of more than one statement relies
// on the conditions of its last, or on a row that it locked, and never on what it only read.
//
// Reads go straight to a few connections. Every write goes through one goroutine, the recorder,
// which commits all that waits for it in a single transaction: one flush of the disk serves many
// callers. See record.go. While a server is away the recorder goes on trying; its callers hear
// faas.Unavailable in bounded time, and nothing is done twice because an answer was lost. See
// persist.go and fence.go.
//
// Every lookup takes a faas.Scope. What is outside the scope is answered with faas.NotFound, like
// what never was.
package store
