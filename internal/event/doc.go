// Package event makes CloudEvents 1.0 of what OpenStack's services send, and says which events a
// trigger wants. It knows no database, no network and no trigger.
package event
