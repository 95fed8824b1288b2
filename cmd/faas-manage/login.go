package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	openstackconfig "github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/openstack-faas/faas/internal/config"
)

// logIn returns Keystone as the administrator sees it who runs this program, and the region that
// they have chosen, if any: a cloud of clouds.yaml, or the variables OS_….
func logIn(
	ctx context.Context, cloud string, getenv func(string) string,
) (*gophercloud.ServiceClient, string, error) {
	var auth gophercloud.AuthOptions
	var endpoint gophercloud.EndpointOpts
	var trusted *tls.Config
	var err error
	if cloud != "" {
		auth, endpoint, trusted, err = clouds.Parse(clouds.WithCloudName(cloud))
	} else {
		auth, endpoint, trusted, err = fromEnvironment(getenv)
	}
	if err != nil {
		return nil, "", fmt.Errorf("who administers Keystone: %w", err)
	}
	provider, err := openstackconfig.NewProviderClient(ctx, auth, openstackconfig.WithTLSConfig(trusted))
	if err != nil {
		return nil, "", fmt.Errorf("log in to %s: %w", auth.IdentityEndpoint, err)
	}
	client, err := openstack.NewIdentityV3(provider, endpoint)
	if err != nil {
		return nil, "", fmt.Errorf("find Keystone in its catalogue: %w", err)
	}
	return client, endpoint.Region, nil
}

// fromEnvironment reads the variables that the openstack commands read, as an openrc file has them.
func fromEnvironment(
	getenv func(string) string,
) (auth gophercloud.AuthOptions, endpoint gophercloud.EndpointOpts, trusted *tls.Config, err error) {
	auth = gophercloud.AuthOptions{
		IdentityEndpoint:            getenv("OS_AUTH_URL"),
		Username:                    getenv("OS_USERNAME"),
		UserID:                      getenv("OS_USER_ID"),
		Password:                    getenv("OS_PASSWORD"),
		TokenID:                     getenv("OS_TOKEN"),
		ApplicationCredentialID:     getenv("OS_APPLICATION_CREDENTIAL_ID"),
		ApplicationCredentialSecret: getenv("OS_APPLICATION_CREDENTIAL_SECRET"),
	}
	if auth.IdentityEndpoint == "" {
		return auth, endpoint, nil, errors.New("neither --os-cloud, OS_CLOUD nor OS_AUTH_URL is set")
	}
	if auth.Username != "" {
		auth.DomainID = getenv("OS_USER_DOMAIN_ID")
		if auth.DomainID == "" {
			auth.DomainName = cmp.Or(getenv("OS_USER_DOMAIN_NAME"), "Default")
		}
	}
	if auth.ApplicationCredentialID == "" { // that has its project itself
		auth.Scope = scope(getenv)
	}
	endpoint = gophercloud.EndpointOpts{
		Region:       getenv("OS_REGION_NAME"),
		Availability: gophercloud.Availability(cmp.Or(getenv("OS_INTERFACE"), string(gophercloud.AvailabilityPublic))),
	}
	trusted = &tls.Config{MinVersion: tls.VersionTLS12}
	if file := getenv("OS_CACERT"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return auth, endpoint, nil, fmt.Errorf("OS_CACERT: %w", err)
		}
		trusted.RootCAs = x509.NewCertPool()
		if !trusted.RootCAs.AppendCertsFromPEM(text) {
			return auth, endpoint, nil, fmt.Errorf("OS_CACERT: %s has no certificate", file)
		}
	}
	return auth, endpoint, trusted, nil
}

func scope(getenv func(string) string) *gophercloud.AuthScope {
	switch {
	case getenv("OS_SYSTEM_SCOPE") != "":
		return &gophercloud.AuthScope{System: true}
	case getenv("OS_PROJECT_ID") != "":
		return &gophercloud.AuthScope{ProjectID: getenv("OS_PROJECT_ID")}
	case getenv("OS_PROJECT_NAME") != "" && getenv("OS_PROJECT_DOMAIN_ID") != "":
		return &gophercloud.AuthScope{
			ProjectName: getenv("OS_PROJECT_NAME"), DomainID: getenv("OS_PROJECT_DOMAIN_ID"),
		}
	case getenv("OS_PROJECT_NAME") != "":
		return &gophercloud.AuthScope{
			ProjectName: getenv("OS_PROJECT_NAME"), DomainName: cmp.Or(getenv("OS_PROJECT_DOMAIN_NAME"), "Default"),
		}
	}
	return nil
}

// proveUser logs in as the service will: a user that was there before may have another password.
func proveUser(
	ctx context.Context, admin *gophercloud.ProviderClient, user config.Authtoken, password string,
) error {
	client, err := openstack.NewClient(admin.IdentityEndpoint)
	if err != nil {
		return err
	}
	client.HTTPClient = admin.HTTPClient
	err = openstack.Authenticate(ctx, client, gophercloud.AuthOptions{
		IdentityEndpoint: admin.IdentityEndpoint, Username: user.Username, DomainName: user.UserDomain,
		Password: password,
		Scope:    &gophercloud.AuthScope{ProjectName: user.Project, DomainName: user.ProjectDomain},
	})
	if gophercloud.ResponseCodeIs(err, http.StatusUnauthorized) {
		return fmt.Errorf("the user %s is not let in with this password: it was there before, and has another one, "+
			"which `openstack user set --password-prompt %[1]s` changes", user.Username)
	}
	if err != nil {
		return fmt.Errorf("log in as %s: %w", user.Username, err)
	}
	return nil
}
