// Package magnum asks Magnum, OpenStack's service of clusters, for what a program needs that runs
// its work on one: where the cluster is and how it does, certificates for it, and more or fewer
// nodes. It is what gophercloud's containerinfra offers, with the service's own credentials and
// with errors that can be told apart.
package magnum
