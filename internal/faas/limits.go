package faas

import "time"

// What a package may be, wherever it comes from.
const (
	MaxPackageSize     = 50 << 20  // bytes of the zip itself
	MaxUnpackedSize    = 512 << 20 // bytes of all its files together
	MaxPackageEntries  = 20_000
	MaxNameLength      = 255
	MaxDescription     = 255
	MaxEntryLength     = 255
	DefaultEntry       = "main.main"
	DefaultCPU         = 100      // millicores
	DefaultMemorySize  = 32 << 20 // bytes
	DefaultTimeout     = 5 * time.Second
	DefaultConcurrency = 3 // slots of a worker
)

// LoadTimeout is how long a worker may take, beside a call's timeout, to start a process and to
// load the function's code into it. A call's own time begins when that is done. Code that loads for
// longer uses up the call's time.
const LoadTimeout = 10 * time.Second

// MemorySlack is what a worker may use beside its warm runtime and its function's memory size, in
// bytes: for the runtime's own part in running calls and the kernel's structures for its processes.
const MemorySlack = 8 << 20

// Range is an inclusive range with the default for callers that set none.
type Range struct {
	Min, Default, Max int64
}

// Limits bounds what a function may ask for; an operator sets them in [resource_limits].
type Limits struct {
	CPU     Range // millicores
	Memory  Range // bytes
	Timeout Range // seconds
}

// DefaultLimits are the ranges of the v1 API.
func DefaultLimits() Limits {
	return Limits{
		CPU:     Range{Min: 100, Default: DefaultCPU, Max: 2000},
		Memory:  Range{Min: 32 << 20, Default: DefaultMemorySize, Max: 2 << 30},
		Timeout: Range{Min: 1, Default: int64(DefaultTimeout / time.Second), Max: 300},
	}
}

// ProcessLimits bounds what one worker's processes may use besides cpu and memory, the same for
// every function.
type ProcessLimits struct {
	OpenFiles int   // per process
	Processes int   // per worker, beyond the warm runtime's own, threads too
	FileSize  int64 // bytes, per file
	Result    int64 // bytes of a call's JSON result
	Log       int64 // bytes of a call's log that are kept
}

// DefaultProcessLimits are the bounds of the v1 API and, where it is silent, ours.
func DefaultProcessLimits() ProcessLimits {
	return ProcessLimits{OpenFiles: 1024, Processes: 128, FileSize: 512 << 20, Result: 4 << 20, Log: 256 << 10}
}
