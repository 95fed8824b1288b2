package faas

// Resource is what a quota is of: something that a project has a limited amount of.
type Resource string

// The resources. Their units and what they are for is in internal/quota.
const (
	ResourceFunctions  Resource = "functions"
	ResourceVersions   Resource = "function_versions"
	ResourceAliases    Resource = "aliases"
	ResourceWebhooks   Resource = "webhooks"
	ResourceJobs       Resource = "jobs"
	ResourceTriggers   Resource = "triggers"
	ResourcePackages   Resource = "package_bytes"
	ResourceMemory     Resource = "worker_memory"
	ResourceExecutions Resource = "concurrent_executions"
	ResourceCalls      Resource = "calls_per_minute"
	ResourceQueued     Resource = "queued_executions"
	ResourceRecords    Resource = "execution_bytes"
	// What bounds how long and how many records are kept: nobody is refused for it.
	ResourceRecordDays  Resource = "execution_days"
	ResourceRecordsKept Resource = "executions_per_function"
)

// Unlimited is the limit of a resource that a project may have any amount of.
const Unlimited int64 = -1

// Amounts are limits or uses by resource.
type Amounts map[Resource]int64

// Limit returns the limit of a resource; one that is not there is Unlimited.
func (a Amounts) Limit(r Resource) int64 {
	if n, ok := a[r]; ok && n >= 0 {
		return n
	}
	return Unlimited
}

// Fits returns nil when n more of a resource, of which so much is in use, are within the limit, and
// else the error of kind OverQuota.
func (a Amounts) Fits(r Resource, used, n int64) error {
	if limit := a.Limit(r); n > 0 && limit != Unlimited && used+n > limit {
		return Over(r, limit, used, n)
	}
	return nil
}

// Over makes the error of kind OverQuota for whoever asks for more of a resource than the limit
// lets them have.
func Over(r Resource, limit, used, asked int64) *Error {
	if asked == 1 {
		return Errorf(OverQuota, "Quota exceeded for %s: limit %d, in use %d.", r, limit, used)
	}
	return Errorf(OverQuota, "Quota exceeded for %s: limit %d, in use %d, asked for %d more.", r, limit, used, asked)
}
