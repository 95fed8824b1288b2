package faas

import "time"

// FunctionVersion is a frozen copy of what a function runs: its code, entry, environment, limits and
// trust as they were. Nothing of it changes but the count.
type FunctionVersion struct {
	ID          string
	FunctionID  string
	ProjectID   string
	Number      int // from 1 on; never given again, even when the version is deleted
	Description string
	Count       int // executions asked for so far, shown to clients; best effort
	CreatedAt   time.Time

	Entry      string // module.function
	Code       Code   // its package is kept for as long as the version exists
	CPU        int    // millicores
	MemorySize int64  // bytes, beyond the warm runtime's own footprint
	Timeout    time.Duration
	TrustID    string // the Keystone trust by which its workers act; "" for none
	TrustRoles []string

	Environment Variables
	Secrets     Variables // the values are sealed
}

// frozenRevision is the revision of every version, since none changes.
const frozenRevision = 1

// Freeze returns what a version of the function is to hold. Its id, number and time are the
// caller's to set.
func (f Function) Freeze() FunctionVersion {
	return FunctionVersion{
		FunctionID: f.ID, ProjectID: f.ProjectID, Entry: f.Entry, Code: f.Code, CPU: f.CPU, MemorySize: f.MemorySize,
		Timeout: f.Timeout, TrustID: f.TrustID, TrustRoles: f.TrustRoles,
		Environment: f.Environment, Secrets: f.Secrets,
	}
}

// RunsLike reports whether the function, as it is now, runs as the version does.
func (v FunctionVersion) RunsLike(f Function) bool {
	return v.Code.SHA256 == f.Code.SHA256 && v.Code.Digest == f.Code.Digest && v.Code.Protocol == f.Code.Protocol &&
		v.Code.Image == f.Code.Image && v.Entry == f.Entry && v.CPU == f.CPU && v.MemorySize == f.MemorySize &&
		v.Timeout == f.Timeout && v.Environment == f.Environment && v.Secrets == f.Secrets
}

// Callable returns the version as it is called. f is its function, whose user of a registry pulls
// the images of versions too: a password that was changed goes for them all.
func (v FunctionVersion) Callable(f Function) Callable {
	live := f.Code.Image
	f.Entry, f.Code, f.CPU, f.MemorySize, f.Timeout = v.Entry, v.Code, v.CPU, v.MemorySize, v.Timeout
	f.Environment, f.Secrets = v.Environment, v.Secrets
	f.TrustID, f.TrustRoles, f.Revision = v.TrustID, v.TrustRoles, frozenRevision
	if RegistryHost(v.Code.Image) != RegistryHost(live) {
		f.Registry = Registry{} // the function's user is of another registry than the version's image
	}
	target := f.Target()
	target.Key.Version = v.Number
	target.FromSwift = false // whatever its object has become
	return Callable{Function: f, Version: v.Number, Target: target}
}
