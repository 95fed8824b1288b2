package keystone_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/registeredlimits"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// TestRealUnifiedLimits has limits of a service of the test's own, read by a user of the test's
// own.
func TestRealUnifiedLimits(t *testing.T) {
	cloud := testkit.Keystone(t)
	a := cloud.User(t, "admin")
	admin := cloud.LoginWith(
		t,
		&tokens.AuthOptions{Username: a.Name, Password: a.Password, DomainName: a.Domain, Scope: tokens.Scope{System: true}},
	).Identity
	serviceType := "functions-" + faas.NewID()
	service, err := services.Create(t.Context(), admin, services.CreateOpts{Type: serviceType}).Extract()
	fatal(t, err)
	afterwards(t, func() error { return services.Delete(context.Background(), admin, service.ID).ExtractErr() })
	project, other := cloud.Login(t, "demo").ProjectID, cloud.Login(t, "alt").ProjectID

	register(t, admin, service.ID, "", map[string]int{"functions": 100, "jobs": 7})
	register(t, admin, service.ID, cloud.Region, map[string]int{"functions": 50, "package_bytes": 4000})
	override(t, admin, service.ID, project, cloud.Region, "functions", 3)
	override(t, admin, service.ID, other, "", "jobs", 9)

	member := cloud.User(t, "faas")
	member.Name, member.Password = "limits-"+faas.NewID(), faas.NewID()
	user, err := users.Create(
		t.Context(), admin, users.CreateOpts{Name: member.Name, Password: member.Password, DomainID: "default"},
	).
		Extract()
	fatal(t, err)
	afterwards(t, func() error { return users.Delete(context.Background(), admin, user.ID).ExtractErr() })
	reader := realClient(
		t,
		cloud,
		func(c *keystone.Config) { c.Username, c.Password = member.Name, member.Password },
	).UnifiedLimits(serviceType)
	if _, err := reader.Of(t.Context(), project); !errors.Is(err, keystone.ErrForbidden) {
		t.Errorf("without a role on the system: %v", err)
	}

	grantOnSystem(t, admin, user.ID, "reader")
	reader = realClient(
		t,
		cloud,
		func(c *keystone.Config) { c.Username, c.Password = member.Name, member.Password },
	).UnifiedLimits(serviceType)
	for of, want := range map[string]map[string]int64{
		project:      {"functions": 3, "jobs": 7, "package_bytes": 4000},
		other:        {"functions": 50, "jobs": 9, "package_bytes": 4000},
		faas.NewID(): {"functions": 50, "jobs": 7, "package_bytes": 4000},
	} {
		if got, err := reader.Of(t.Context(), of); err != nil || !maps.Equal(got, want) {
			t.Errorf("limits are %v, want %v; %v", got, want, err)
		}
	}
	none := realClient(
		t,
		cloud,
		func(c *keystone.Config) { c.Username, c.Password = member.Name, member.Password },
	).UnifiedLimits("none-" + serviceType)
	if _, err := none.Of(t.Context(), project); !errors.Is(err, keystone.ErrNotFound) {
		t.Errorf("of a service that is not there: %v", err)
	}
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// afterwards undoes what the test made in the cloud.
func afterwards(t *testing.T, undo func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := undo(); err != nil {
			t.Errorf("something of the test's is left in the cloud: %v", err)
		}
	})
}

func register(t *testing.T, admin *gophercloud.ServiceClient, service, region string, of map[string]int) {
	t.Helper()
	for resource, limit := range of {
		made, err := registeredlimits.BatchCreate(t.Context(), admin, registeredlimits.BatchCreateOpts{
			{ServiceID: service, RegionID: region, ResourceName: resource, DefaultLimit: limit},
		}).Extract()
		fatal(t, err)
		for _, one := range made {
			afterwards(t, func() error { return registeredlimits.Delete(context.Background(), admin, one.ID).ExtractErr() })
		}
	}
}

func override(t *testing.T, admin *gophercloud.ServiceClient, service, project, region, resource string, limit int) {
	t.Helper()
	made, err := limits.BatchCreate(t.Context(), admin, limits.BatchCreateOpts{
		{ServiceID: service, ProjectID: project, RegionID: region, ResourceName: resource, ResourceLimit: limit},
	}).Extract()
	fatal(t, err)
	for _, one := range made {
		afterwards(t, func() error { return limits.Delete(context.Background(), admin, one.ID).ExtractErr() })
	}
}

// grantOnSystem assigns a user a role on the system, for which gophercloud has no call.
func grantOnSystem(t *testing.T, admin *gophercloud.ServiceClient, user, role string) {
	t.Helper()
	pages, err := roles.List(admin, roles.ListOpts{Name: role}).AllPages(t.Context())
	fatal(t, err)
	found, err := roles.ExtractRoles(pages)
	fatal(t, err)
	answer, err := admin.Put(
		t.Context(), admin.ServiceURL("system", "users", user, "roles", found[0].ID), nil, nil,
		&gophercloud.RequestOpts{OkCodes: []int{204}},
	)
	fatal(t, err)
	fatal(t, answer.Body.Close())
}
