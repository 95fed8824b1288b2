// Package zaqar is what gophercloud's packages for OpenStack Zaqar (messaging, version 2) lack:
// subscriptions of queues and their confirmation, messages whose bodies are any JSON, and what
// Zaqar sends to subscribers. It stands on gophercloud's own packages for queues, messages and
// claims, is written in their way, and needs nothing else of this project.
//
// Every request of version 2 carries the id of its client, a UUID: a client is not shown its own
// messages unless it asks for them.
package zaqar
