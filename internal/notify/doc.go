// Package notify sends notifications for other services, Ceilometer and CloudKitty among them: when
// functions are created, changed and deleted, and when executions begin and end. They have the
// envelope of oslo.messaging's driver messagingv2.
//
// It is a transactional outbox. A Notifier makes events, and the store keeps them in its outbox,
// those of executions in the transaction of the execution's record: what is billed is sent if and
// only if it was recorded. A Publisher, at one engine at a time, reads the outbox, publishes the
// messages to RabbitMQ, and deletes the events after RabbitMQ has confirmed them. When it is
// interrupted in between, messages are sent twice, with the same message_id, by which listeners
// detect that.
package notify
