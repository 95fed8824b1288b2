package zaqar

import (
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

const version = "v2"

func subscriptionsURL(client *gophercloud.ServiceClient, queue string) string {
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "subscriptions")
}

func subscriptionURL(client *gophercloud.ServiceClient, queue, id string) string {
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "subscriptions", url.PathEscape(id))
}

// anyURL is of one message of whichever client.
func anyURL(client *gophercloud.ServiceClient, queue string) string {
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "messages") + "?limit=1&echo=true"
}

// claimedURL is of messages of a claim. Zaqar does not know an encoded comma for one.
func claimedURL(client *gophercloud.ServiceClient, queue string, ids []string, claimID string) string {
	for i, id := range ids {
		ids[i] = url.QueryEscape(id)
	}
	return client.ServiceURL(version, "queues", url.PathEscape(queue), "messages") +
		"?ids=" + strings.Join(ids, ",") + "&claim_ids=" + url.QueryEscape(claimID)
}

func confirmURL(client *gophercloud.ServiceClient, queue, id string) string {
	return subscriptionURL(client, queue, id) + "/confirm"
}
