// Package testkit starts the real servers that tests run against. Only tests import it.
package testkit
