package local

import "fmt"

// enforcement is how limits are enforced on this machine.
type enforcement struct{ *host }

// Describe says of each limit how it is enforced on this machine, or that it is not.
func (e *enforcement) Describe() []string {
	p := e.cfg.Processes
	processes := fmt.Sprintf("%d, threads too, beside the runtime's own, by a control group", p.Processes)
	return []string{
		"memory: " + e.describeGroup("memory",
			"a function's memory_size beside its warm runtime's own, by a control group%s",
			"not enforced for all of a function's processes together; "+
				"its agent bounds each process where the language allows it"),
		"cpu: " + e.describeGroup("cpu", "a function's cpu, by a control group%s", "not enforced"),
		"processes: " + e.describeGroup("pids", processes+"%s", e.processesWithout()),
		fmt.Sprintf("open files: %d in each process, by rlimit", p.OpenFiles),
		fmt.Sprintf("file size: %d bytes for each file, by rlimit", p.FileSize),
		fmt.Sprintf("files: %d bytes and %d files in all of a worker's, by a look every %s at those with a name, "+
			"which ends the worker", e.cfg.Scratch, maxScratchFiles, scratchPause),
		"/tmp, /var/tmp: " + e.describeFolders(),
		"timeout: by the agent, which kills the call's process",
		"user: " + e.describeUser(),
		"network: not restricted; functions reach what this machine reaches, this service too",
	}
}

func (e *enforcement) describeGroup(controller, with, without string) string {
	if e.limits.host.Has(controller) {
		return fmt.Sprintf(with, fmt.Sprintf(" (version %d)", e.limits.host.Version))
	}
	return without + " (no control group: " + e.limits.host.Missing[controller] + ")"
}

func (e *enforcement) processesWithout() string {
	if e.users == nil {
		return "not enforced"
	}
	return fmt.Sprintf("%d, threads too, by rlimit on the worker's own user", e.cfg.Processes.Processes)
}

func (e *enforcement) describeUser() string {
	if e.users == nil {
		return "the service's own, as it does not run as root: a function can read and change what the service can, " +
			"other functions' code too. Run code that you trust only"
	}
	return fmt.Sprintf("one for each worker, from %d to %d, without groups or capabilities",
		e.cfg.Users.First, e.cfg.Users.Last)
}

func (e *enforcement) describeFolders() string {
	if e.shared != nil {
		return "the machine's, so that functions meet each other's files there (" + e.shared.Error() + ")"
	}
	return "each worker's own, and /dev/shm, unless the interpreter is in one of them"
}
