// Package faas holds the nouns of Functions as a Service: runtimes, functions, executions, workers,
// the identity of a caller, the limits that bound them and the errors they end in. Every other
// package imports it; it imports none of them.
package faas
