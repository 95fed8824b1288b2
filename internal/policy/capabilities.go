package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// impure lists the families of built-in functions that rules may not use: those that look at the
// world outside their input, and those that could hold up a request for long.
var impure = []string{
	"http.",
	"net.",
	"io.jwt.",
	"opa.",
	"rego.",
	"providers.",
	"time.",
	"rand.",
	"uuid.",
	"crypto.",
	"graphql.",
	"trace",
	"print",
}

// capabilities are what rules may use: a decision must follow from its input alone.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic ||
			slices.ContainsFunc(impure, func(family string) bool { return strings.HasPrefix(b.Name, family) })
	})
	return c
}
