// Package frombus is the source "notification": what Nova, Cinder, Neutron, Keystone and the
// other services say on the message bus by oslo.messaging. It reads a notification, says which
// project it is of, and brings it to the triggers of that project that want it.
//
// A cloud says far more than anybody wants to hear, so what is done for every notification is
// little: the scanner finds the few members that decide, in one pass and without decoding, and
// Index knows the triggers of each project. Only what a trigger wants is checked, made an event
// of and taken in.
package frombus
