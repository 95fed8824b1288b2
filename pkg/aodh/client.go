package aodh

import "github.com/gophercloud/gophercloud/v2"

// ServiceType is Aodh's type in Keystone's catalogue.
const ServiceType = "alarming"

// NewAlarmingV2 returns a client of the Aodh that the provider's catalogue names.
func NewAlarmingV2(
	provider *gophercloud.ProviderClient, eo gophercloud.EndpointOpts,
) (*gophercloud.ServiceClient, error) {
	eo.ApplyDefaults(ServiceType)
	endpoint, err := provider.EndpointLocator(eo)
	if err != nil {
		return nil, err
	}
	return NewAlarmingV2At(provider, endpoint), nil
}

// NewAlarmingV2At is NewAlarmingV2 for an endpoint that is known.
func NewAlarmingV2At(provider *gophercloud.ProviderClient, endpoint string) *gophercloud.ServiceClient {
	endpoint = gophercloud.NormalizeURL(endpoint)
	return &gophercloud.ServiceClient{
		ProviderClient: provider, Type: ServiceType, Endpoint: endpoint, ResourceBase: endpoint + "v2/",
	}
}
