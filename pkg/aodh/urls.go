package aodh

import (
	"net/url"

	"github.com/gophercloud/gophercloud/v2"
)

func alarmsURL(client *gophercloud.ServiceClient) string {
	return client.ServiceURL("alarms")
}

// alarmURL escapes the id: it may be somebody else's text.
func alarmURL(client *gophercloud.ServiceClient, id string) string {
	return client.ServiceURL("alarms", url.PathEscape(id))
}

func stateURL(client *gophercloud.ServiceClient, id string) string {
	return client.ServiceURL("alarms", url.PathEscape(id), "state")
}
