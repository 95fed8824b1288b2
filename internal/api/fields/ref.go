package fields

import (
	"math"
	"net/http"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// FunctionRef returns the code that a request names in its fields function_alias, or function_id
// and function_version. An alias says both, so that what stands beside it is passed over, as
// Qinling did.
func FunctionRef(r *http.Request, id faas.Identity, o *Object, find request.ByName) faas.FunctionRef {
	ref := faas.FunctionRef{Alias: o.Line("function_alias")}
	if ref.Alias == "" || !request.TakesNames(r) {
		ref.FunctionID = o.IDOrName(r, id, "function_id", find)
	}
	version := o.Number("function_version", "", 0, math.MaxInt32)
	switch {
	case ref.Alias != "":
		ref.FunctionID = ""
	case ref.FunctionID == "":
		o.Refuse("function_id or function_alias is required.")
	case version != nil:
		ref.Version = int(*version)
	}
	return ref
}
