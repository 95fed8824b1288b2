// Package outbound sends requests to URLs that tenants name. Such a URL may be of anything: of this
// service, of the metadata address, of a name that leads to another address each time that it is
// asked for. So the client resolves names by itself, looks at every address that a name has, and
// connects to one that it has looked at. It follows few redirects, and looks at each in the same
// way.
package outbound
