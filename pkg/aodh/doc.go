// Package aodh makes, reads, changes and deletes alarms of OpenStack Aodh, API version 2, and reads
// what Aodh sends to an alarm's actions. gophercloud has no package for Aodh; this one is written
// in the way of its packages, and needs nothing else of this project:
//
//	client, err := aodh.NewAlarmingV2(provider, gophercloud.EndpointOpts{Region: "RegionOne"})
//	alarm, err := aodh.Create(ctx, client, aodh.CreateOpts{
//		Name:    "server-gone",
//		Type:    aodh.TypeEvent,
//		Rule:    aodh.EventRule{EventType: "compute.instance.delete.end"},
//		Actions: []string{"https://functions.example/v1/webhooks/…"},
//	}).Extract()
//
// The API is described in Aodh's own documentation, "V2 Web API".
package aodh
