// Package notify tells other services what happens, Ceilometer and CloudKitty among them: functions
// that are made, changed and deleted, executions that begin and end, in the envelope of
// oslo.messaging's driver messagingv2.
//
// It does so in two halves. A Notifier makes events, which the store keeps in its outbox, those of
// executions in the transaction of the execution's record: what is billed is told if and only if it
// was recorded. A Publisher, at one engine at a time, reads the outbox, has RabbitMQ confirm the
// messages, and strikes them out after that. When it is interrupted in between, messages are told
// twice, with the same message_id, by which listeners know them.
package notify
