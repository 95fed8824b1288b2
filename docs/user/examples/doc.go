// Package examples holds the manual to its examples: what a page shows is what tests run.
package examples
