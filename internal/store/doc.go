// Package store keeps runtimes, functions and executions in a SQL database. The exported methods own their transactions;
// everything private below them takes one.
//
// Reads go straight to a few connections. Every write goes through one goroutine, the recorder, which commits all that waits
// for it in a single transaction: one flush of the disk serves many callers. See record.go.
//
// Every lookup takes a faas.Scope. What is outside the scope is answered with faas.NotFound, like what never was.
package store
