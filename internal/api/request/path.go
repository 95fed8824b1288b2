package request

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/faas"
)

// PathID returns the id in the request's path.
func PathID(r *http.Request) (string, error) {
	id := mux.Vars(r)["id"]
	if !faas.IsID(id) {
		return "", faas.Errorf(faas.Invalid, "The id in the path must be a UUID; it is %q.", Short(id))
	}
	return strings.ToLower(id), nil
}
