package webhook

import (
	"net/url"

	"github.com/openstack-faas/faas/internal/faas"
)

// SecretParameter is the parameter of a URL whose secret is who may use it.
const SecretParameter = "secret"

// TriggerURL returns the URL of the trigger of that id at the API's endpoint.
func TriggerURL(endpoint, id string, secret faas.Secret) string {
	query := url.Values{SecretParameter: {secret.Reveal()}}
	return endpoint + "/v1/triggers/" + id + "/events?" + query.Encode()
}
