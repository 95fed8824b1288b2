package api

import (
	"math"

	"github.com/openstack-faas/faas/internal/faas"
)

// refField returns the code that a request names in its fields function_alias, or function_id and
// function_version. An alias says both, so that what stands beside it is passed over, as Qinling
// did.
func refField(o *object) faas.FunctionRef {
	ref := faas.FunctionRef{FunctionID: o.id("function_id"), Alias: o.line("function_alias")}
	version := o.number("function_version", "", 0, math.MaxInt32)
	switch {
	case ref.Alias != "":
		ref.FunctionID = ""
	case ref.FunctionID == "":
		o.refuse("function_id or function_alias is required.")
	case version != nil:
		ref.Version = int(*version)
	}
	return ref
}
