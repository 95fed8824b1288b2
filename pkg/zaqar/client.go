package zaqar

import "github.com/gophercloud/gophercloud/v2"

// ServiceType is Zaqar's type in Keystone's catalogue.
const ServiceType = "messaging"

// NewMessagingV2At returns a client of the Zaqar at the endpoint, as gophercloud's
// openstack.NewMessagingV2 returns one of the catalogue's. clientID is a UUID of the caller's own.
func NewMessagingV2At(provider *gophercloud.ProviderClient, endpoint, clientID string) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{
		ProviderClient: provider, Type: ServiceType, Endpoint: gophercloud.NormalizeURL(endpoint),
		MoreHeaders: map[string]string{"Client-ID": clientID},
	}
}
