package api

import (
	"math"
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
)

// refField returns the code that a request names in its fields function_alias, or function_id and
// function_version. An alias says both, so that what stands beside it is passed over, as Qinling
// did.
func refField(r *http.Request, id faas.Identity, o *object, find byName) faas.FunctionRef {
	ref := faas.FunctionRef{Alias: o.line("function_alias")}
	if ref.Alias == "" || !takesNames(r) {
		ref.FunctionID = o.idOrName(r, id, "function_id", find)
	}
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
