package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/domains"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/regions"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"
	"github.com/gophercloud/gophercloud/v2/pagination"
)

// keystone makes objects of Keystone that are missing, and says so.
type keystone struct {
	*gophercloud.ServiceClient
	dryRun    bool
	out       io.Writer
	different int // how many were made or changed, or would be
}

// object is one of Keystone's, with the name that people know it by. Its id is empty in a dry run
// that would make it.
type object struct{ id, name string }

// ensure says whether the object is there, or makes it.
func (k *keystone) ensure(kind string, found object, make func() (string, error)) (object, error) {
	if found.id != "" {
		return found, k.say("there", kind, found.name)
	}
	k.different++
	if k.dryRun {
		return found, k.say("would make", kind, found.name)
	}
	id, err := make()
	if err != nil {
		return found, fmt.Errorf("make the %s %s: %w", kind, found.name, err)
	}
	return object{id, found.name}, k.say("made", kind, found.name)
}

func (k *keystone) say(what, kind, name string) error {
	_, err := fmt.Fprintf(k.out, "%-12s %s %s\n", what, kind, name)
	return err
}

// listed returns all objects of a list.
func listed[T any](ctx context.Context, p pagination.Pager, extract func(pagination.Page) ([]T, error)) ([]T, error) {
	pages, err := p.AllPages(ctx)
	if err != nil {
		return nil, err
	}
	return extract(pages)
}

// region returns the one that is named, or without a name the only one there is. Keystone makes a
// region with its first endpoint.
func (k *keystone) region(ctx context.Context, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	found, err := listed(ctx, regions.List(k.ServiceClient, nil), regions.ExtractRegions)
	if err != nil {
		return "", fmt.Errorf("list regions: %w", err)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("there are %d regions: --region NAME must say which one", len(found))
	}
	return found[0].ID, nil
}

func (k *keystone) domain(ctx context.Context, name string) (string, error) {
	found, err := listed(ctx, domains.List(k.ServiceClient, domains.ListOpts{Name: name}), domains.ExtractDomains)
	if err != nil {
		return "", fmt.Errorf("look for the domain %s: %w", name, err)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("there is no domain %s, which [keystone_authtoken] names", name)
	}
	return found[0].ID, nil
}

func (k *keystone) project(ctx context.Context, name, domainName string) (object, error) {
	p := object{name: name}
	domain, err := k.domain(ctx, domainName)
	if err != nil {
		return p, err
	}
	found, err := listed(ctx, projects.List(k.ServiceClient, projects.ListOpts{Name: name, DomainID: domain}),
		projects.ExtractProjects)
	if err != nil {
		return p, fmt.Errorf("look for the project %s: %w", name, err)
	}
	if len(found) > 0 {
		p.id = found[0].ID
	}
	return k.ensure("project", p, func() (string, error) {
		made, err := projects.Create(ctx, k.ServiceClient, projects.CreateOpts{
			Name: name, DomainID: domain, Description: "Services",
		}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, nil
	})
}

// user leaves the password of one that is there as it is.
func (k *keystone) user(ctx context.Context, name, domainName, password string) (object, error) {
	u := object{name: name}
	domain, err := k.domain(ctx, domainName)
	if err != nil {
		return u, err
	}
	found, err := listed(ctx, users.List(k.ServiceClient, users.ListOpts{Name: name, DomainID: domain}),
		users.ExtractUsers)
	if err != nil {
		return u, fmt.Errorf("look for the user %s: %w", name, err)
	}
	if len(found) > 0 {
		u.id = found[0].ID
	} else if password == "" {
		return u, fmt.Errorf("the user %s is to be made: its password must be in [keystone_authtoken] password "+
			"or --password-file", name)
	}
	return k.ensure("user", u, func() (string, error) {
		made, err := users.Create(ctx, k.ServiceClient, users.CreateOpts{
			Name: name, DomainID: domain, Password: password, Description: "Functions as a Service",
		}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, nil
	})
}

func (k *keystone) role(ctx context.Context, name string) (object, error) {
	r := object{name: name}
	found, err := listed(ctx, roles.List(k.ServiceClient, roles.ListOpts{Name: name}), roles.ExtractRoles)
	if err != nil {
		return r, fmt.Errorf("look for the role %s: %w", name, err)
	}
	if len(found) > 0 {
		r.id = found[0].ID
	}
	return k.ensure("role", r, func() (string, error) {
		made, err := roles.Create(ctx, k.ServiceClient, roles.CreateOpts{Name: name}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, nil
	})
}

func (k *keystone) assignment(ctx context.Context, user, project, role object) error {
	a := object{name: fmt.Sprintf("%s of %s in %s", role.name, user.name, project.name)}
	if user.id != "" && project.id != "" && role.id != "" {
		found, err := listed(ctx, roles.ListAssignments(k.ServiceClient, roles.ListAssignmentsOpts{
			UserID: user.id, ScopeProjectID: project.id, RoleID: role.id,
		}), roles.ExtractRoleAssignments)
		if err != nil {
			return fmt.Errorf("look for the roles of %s: %w", user.name, err)
		}
		if len(found) > 0 {
			a.id = role.id
		}
	}
	_, err := k.ensure("role", a, func() (string, error) {
		return role.id, roles.Assign(ctx, k.ServiceClient, role.id, roles.AssignOpts{
			UserID: user.id, ProjectID: project.id,
		}).ExtractErr()
	})
	return err
}

// service is the only one of its type, whatever it is called, or the one of that name among
// several.
func (k *keystone) service(ctx context.Context, name string) (object, error) {
	s := object{name: name}
	found, err := listed(ctx, services.List(k.ServiceClient, services.ListOpts{ServiceType: serviceType}),
		services.ExtractServices)
	if err != nil {
		return s, fmt.Errorf("look for the services of type %s: %w", serviceType, err)
	}
	var names []string
	for _, one := range found {
		if len(found) == 1 || one.Name == name {
			s = object{one.ID, one.Name}
		}
		names = append(names, one.Name)
	}
	if s.id == "" && len(found) > 0 {
		return s, fmt.Errorf("there are %d services of type %s: --service-name must be one of %s",
			len(found), serviceType, strings.Join(names, ", "))
	}
	return k.ensure("service", s, func() (string, error) {
		made, err := services.Create(ctx, k.ServiceClient, services.CreateOpts{
			Name: name, Type: serviceType, Description: "Functions as a Service",
		}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, nil
	})
}

// endpoint has the URL afterwards, even if it was there with another.
func (k *keystone) endpoint(
	ctx context.Context, service object, region string, face gophercloud.Availability, url string,
) error {
	e := object{name: fmt.Sprintf("%s in %s %s", face, region, url)}
	if service.id != "" {
		found, err := listed(ctx, endpoints.List(k.ServiceClient, endpoints.ListOpts{
			ServiceID: service.id, RegionID: region, Availability: face,
		}), endpoints.ExtractEndpoints)
		if err != nil {
			return fmt.Errorf("look for the endpoints of %s: %w", service.name, err)
		}
		if len(found) > 0 && found[0].URL != url {
			return k.move(ctx, found[0], e.name, url)
		}
		if len(found) > 0 {
			e.id = found[0].ID
		}
	}
	_, err := k.ensure("endpoint", e, func() (string, error) {
		made, err := endpoints.Create(ctx, k.ServiceClient, endpoints.CreateOpts{
			Availability: face, Region: region, ServiceID: service.id, URL: url,
		}).Extract()
		if err != nil {
			return "", err
		}
		return made.ID, nil
	})
	return err
}

// move changes the URL of an endpoint.
func (k *keystone) move(ctx context.Context, e endpoints.Endpoint, name, url string) error {
	k.different++
	was := name + ", which was " + e.URL
	if k.dryRun {
		return k.say("would change", "endpoint", was)
	}
	if _, err := endpoints.Update(ctx, k.ServiceClient, e.ID, endpoints.UpdateOpts{URL: url}).Extract(); err != nil {
		return fmt.Errorf("change the endpoint %s: %w", name, err)
	}
	return k.say("changed", "endpoint", was)
}
