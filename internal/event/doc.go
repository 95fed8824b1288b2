// Package event makes CloudEvents 1.0 of what OpenStack's services send, and says which events a
// trigger wants and what its function is given of one. It knows no database, no network and no
// trigger. An event is a type of the CloudEvents library; what is said of it here (JSON, filters,
// templates) is bounded, for projects write and send it.
package event
