// Package openstack drives what contrib/ adds to OpenStack's own services and clients, as their
// users do: on the mini cloud with CLOUD=all, with users of Keystone.
package openstack
