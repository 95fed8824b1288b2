// Package trigger takes in the events that execute functions: it matches an event with a trigger's
// filter, makes the execution's input, and has it executed once. Packages beside it know the
// sources.
package trigger
