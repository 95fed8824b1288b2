// Package functional drives the built service from outside, as its users do.
package functional
