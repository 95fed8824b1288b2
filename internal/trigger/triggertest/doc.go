// Package triggertest has what tests of triggers' sources, and the measurement of how fast they
// are, share: OpenStack's real services as a trigger's user meets them, who publishes events to
// them, a bare subscriber that they deliver to, and a taker that remembers what it was given.
package triggertest
