package api

import (
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/faas"
)

// pathID returns the id in the request's path.
func pathID(r *http.Request) (string, error) {
	id := mux.Vars(r)["id"]
	if !faas.IsID(id) {
		return "", faas.Errorf(faas.Invalid, "The id in the path must be a UUID; it is %q.", short(id))
	}
	return strings.ToLower(id), nil
}
