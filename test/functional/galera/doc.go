// Package galera has the tests of records on a Galera cluster.
package galera
