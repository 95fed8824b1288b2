// Package core drives the service as the tenants of a cloud do: through Keystone, with code in
// Swift, within quotas. `make functional` brings up the mini cloud with CLOUD=core and passes these
// tests where it is.
package core
