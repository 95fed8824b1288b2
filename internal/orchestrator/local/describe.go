package local

import (
	"fmt"
)

// Describe says of each limit how it is enforced on this machine, or that it is not.
func (o *Orchestrator) Describe() []string {
	p := o.cfg.Processes
	processes := fmt.Sprintf("%d, threads too, beside the runtime's own, by a control group", p.Processes)
	return []string{
		"memory: " + o.describeGroup("memory",
			"a function's memory_size beside its warm runtime's own, by a control group%s",
			"not enforced for all of a function's processes together; "+
				"its agent bounds each process where the language allows it"),
		"cpu: " + o.describeGroup("cpu", "a function's cpu, by a control group%s", "not enforced"),
		"processes: " + o.describeGroup("pids", processes+"%s", o.processesWithout()),
		fmt.Sprintf("open files: %d in each process, by rlimit", p.OpenFiles),
		fmt.Sprintf("file size: %d bytes for each file, by rlimit", p.FileSize),
		fmt.Sprintf("files: %d bytes and %d files in all of a worker's, by a look every %s at those with a name, "+
			"which ends the worker", o.cfg.Scratch, maxScratchFiles, scratchPause),
		"/tmp, /var/tmp: " + o.describeFolders(),
		"timeout: by the agent, which kills the call's process",
		"user: " + o.describeUser(),
		"network: not restricted; functions reach what this machine reaches, this service too",
	}
}

func (o *Orchestrator) describeGroup(controller, with, without string) string {
	if o.limits.host.Has(controller) {
		return fmt.Sprintf(with, fmt.Sprintf(" (version %d)", o.limits.host.Version))
	}
	return without + " (no control group: " + o.limits.host.Missing[controller] + ")"
}

func (o *Orchestrator) processesWithout() string {
	if o.users == nil {
		return "not enforced"
	}
	return fmt.Sprintf("%d, threads too, by rlimit on the worker's own user", o.cfg.Processes.Processes)
}

func (o *Orchestrator) describeUser() string {
	if o.users == nil {
		return "the service's own, as it does not run as root: a function can read and change what the service can, " +
			"other functions' code too. Run code that you trust only"
	}
	return fmt.Sprintf("one for each worker, from %d to %d, without groups or capabilities",
		o.cfg.Users.First, o.cfg.Users.Last)
}
