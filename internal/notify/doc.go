// Package notify tells other services what happens, Ceilometer and CloudKitty among them: functions that are made, changed and deleted, executions
// that begin and end, in the envelope of oslo.messaging's driver messagingv2.
//
// Whoever does the work tells it to a Notifier, which never holds them up: what it cannot pass on at once waits in a buffer with a bound, and what
// that has no room for is dropped and counted. Each notification is delivered at least once while its process lives; one that comes twice has the same
// message_id.
package notify
