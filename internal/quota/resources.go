// Package quota says how much a project may have: limits by resource, and the counting of calls.
// What is kept in rows is counted by the store, in the transaction that changes it; calls are
// counted in memory, so that no call waits for the database. docs/adr/0012-quotas.md says how exact
// that is.
package quota

import "github.com/openstack-faas/faas/internal/faas"

// Resource describes a resource to users.
type Resource struct {
	Name faas.Resource
	Unit string // "" where it is a number of them
	Help string
}

// Resources are all resources, in the order in which they are shown.
var Resources = []Resource{
	{faas.ResourceFunctions, "", "Functions of a project."},
	{faas.ResourceVersions, "", "Versions of one function."},
	{faas.ResourceAliases, "", "Aliases of a project."},
	{faas.ResourceWebhooks, "", "Webhooks of a project."},
	{faas.ResourceJobs, "", "Jobs of a project."},
	{faas.ResourceTriggers, "", "Triggers of a project."},
	{faas.ResourcePackages, "bytes", "Packages of a project's functions together."},
	{faas.ResourceMemory, "bytes", "Memory of a project's live workers together, as their functions ask for it."},
	{faas.ResourceExecutions, "", "Executions of a project that run at a time."},
	{faas.ResourceCalls, "", "Executions that a project may ask for in a minute."},
	{faas.ResourceQueued, "", "Asynchronous executions of a project that wait to be run."},
	{faas.ResourceRecords, "bytes", "Records of a project's executions together: inputs, results and logs."},
	{faas.ResourceRecordDays, "", "Days for which records of a project's executions are kept."},
	{faas.ResourceRecordsKept, "", "Records of executions that are kept of one function: the newest."},
}

// Max is the highest limit that anybody can set.
const Max int64 = 1_000_000_000_000_000

// Names returns the names of the resources, in their order.
func Names() []string {
	names := make([]string, len(Resources))
	for i, r := range Resources {
		names[i] = string(r.Name)
	}
	return names
}
