// Package keystone is what a service needs of OpenStack's Keystone: to know who sends a token, as
// keystonemiddleware does it, to act as itself, and to act for those who delegated that to it by
// trusts.
//
// Validate is on the path of every request and remembers what Keystone said. While Keystone cannot
// be asked, tokens that are remembered go on and others fail with ErrUnavailable. Tokens are
// remembered by their hash alone; no token and no password is in any error or log of this package.
package keystone
