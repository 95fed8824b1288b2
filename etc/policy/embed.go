// Package policy holds the default rules: who may do what, in Rego. internal/policy compiles them
// into the services; what an operator puts into the folders of [oslo_policy] policy_dirs replaces
// single rules.
package policy

import "embed"

// Files are the rules and their tests, by file name.
//
//go:embed *.rego
var Files embed.FS
