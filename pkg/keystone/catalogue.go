package keystone

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// Endpoint returns the URL of a service by its type, in the configured region and for the
// configured interface, without a trailing slash. A project id in the URL is the service's own
// project. The error is ErrNotFound for a service that is not in the catalogue.
func (l *ownLogin) Endpoint(ctx context.Context, serviceType string) (string, error) {
	own, err := l.service(ctx)
	if err != nil {
		return "", err
	}
	return pick(own.catalogue, serviceType, l.cfg.Interface, l.cfg.Region)
}

// EndpointFor is Endpoint with the given project in the URL's path in place of the service's own,
// as for Swift, whose accounts are named after projects.
func (l *ownLogin) EndpointFor(ctx context.Context, serviceType, projectID string) (string, error) {
	own, err := l.service(ctx)
	if err != nil {
		return "", err
	}
	endpoint, err := pick(own.catalogue, serviceType, l.cfg.Interface, l.cfg.Region)
	if err != nil {
		return "", err
	}
	if own.projectID == "" || !strings.Contains(endpoint, own.projectID) {
		return "", fmt.Errorf("the URL of %s in Keystone's catalogue has no project in it: %w", serviceType, ErrNotFound)
	}
	return strings.ReplaceAll(endpoint, own.projectID, url.PathEscape(projectID)), nil
}

// pick finds an endpoint in a catalogue.
func pick(catalogue []tokens.CatalogEntry, serviceType, face, region string) (string, error) {
	found, where := "", ""
	for _, service := range catalogue {
		if service.Type != serviceType {
			continue
		}
		for _, e := range service.Endpoints {
			name := e.RegionID
			if name == "" {
				name = e.Region
			}
			if e.Interface != face || region != "" && name != region {
				continue
			}
			if found != "" && name != where {
				return "", fmt.Errorf(
					"%s is in several regions of Keystone's catalogue: one must be chosen, %s or %s: %w",
					serviceType, where, name, ErrNotFound,
				)
			}
			if found == "" {
				found, where = strings.TrimRight(e.URL, "/"), name
			}
		}
	}
	if found == "" {
		return "", fmt.Errorf(
			"no %s endpoint of %s%s is in Keystone's catalogue: %w", face, serviceType, in(region), ErrNotFound,
		)
	}
	return found, nil
}

func in(region string) string {
	if region == "" {
		return ""
	}
	return " in region " + region
}
