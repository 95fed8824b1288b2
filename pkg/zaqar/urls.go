package zaqar

import (
	"net/url"

	"github.com/gophercloud/gophercloud/v2"
)

const version = "v2"

func subscriptionsURL(client *gophercloud.ServiceClient, queue string) string {
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "subscriptions")
}

func subscriptionURL(client *gophercloud.ServiceClient, queue, id string) string {
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "subscriptions", url.PathEscape(id))
}

func confirmURL(client *gophercloud.ServiceClient, queue, id string) string {
	return subscriptionURL(client, queue, id) + "/confirm"
}
