// Package store keeps runtimes, functions and executions in a SQL database. The exported methods
// own their transactions; everything private below them takes one.
//
// A Store is made of parts, which share one core (core.go): its connections, its writers and its
// clock. A part is a type with its methods, in files whose names begin alike:
//
//	FunctionStore       functions, versions, aliases, what a call runs   function*.go
//	PackageUse          which packages are in use                        package_*.go
//	RuntimeStore        runtimes                                         runtime.go
//	ExecutionLifecycle  executions' way from queued or started to ended  lifecycle*.go
//	ExecutionStore      executions' records, logs and stories            execution*.go
//	Retention           records that go after their time                 retention*.go, partition*.go
//	StatisticsStore     what calls came to                               statistics*.go
//	JobStore            jobs                                             job.go
//	WebhookStore        webhooks                                         webhook.go
//	TriggerStore        triggers                                         trigger*.go
//	DeadLetterStore     dead letters                                     dead_letter.go
//	QuotaStore          limits, and what projects use                    quota*.go
//	DueWork             work that is due at a time                       due_work.go
//	Membership          live processes and engines, owners of shards     membership*.go
//	Outbox              notifications to be sent                         outbox.go
//
// Callers that need one or two parts take those and not a Store. Transactions go across parts: the
// one that deletes a function also counts what its project uses and schedules the deletion of its
// trust. What is done within a transaction is therefore a type for each table, such as dueItems, in
// the file of its part and a field of tx, and no part needs another one to write.
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
