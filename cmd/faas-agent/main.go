// Command faas-agent runs beside a language runtime in every worker.
//
//	faas-agent
//		the agent of a worker that is a process tree. Its starter writes its configuration, a line of
//		JSON (agentconfig.Config), to its standard input, and keeps that open for as long as it wants
//		the worker.
//	faas-agent pod
//		the agent of a worker that is a pod. Its configuration (podlayout.Config) is in its environment.
//	faas-agent runtime -- COMMAND…
//		the supervisor in the pod's other container: process 1 there, which starts the runtime.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/settle"
	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/agent"
	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/supervisor"
)

const usage = `faas-agent                      reads its configuration, a line of JSON, from its standard input
faas-agent pod                  reads it from the environment: ` + podlayout.EnvConfig + `, ` + podlayout.EnvWorkerID + `
faas-agent runtime -- COMMAND…  starts the runtime when the pod's agent says so
faas-agent --version            prints the version
`

func main() {
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	asked := version.Flag(flag.CommandLine)
	flag.Parse()
	if *asked {
		if err := version.Print(os.Stdout, "faas-agent"); err != nil {
			os.Exit(1)
		}
		return
	}
	// There is one agent for each worker, so memory counts for more than time: a heap of well under
	// a megabyte is collected when it has grown by one. A call is all waiting for the runtime: with
	// one thread running at a time it costs a third less than with two, which spend their time
	// waking each other.
	debug.SetGCPercent(25)
	runtime.GOMAXPROCS(1)
	// What the start needed is not given back by itself for as long as the worker is idle.
	settle.After(settled)
	settle.After(10 * settled) // on a node that starts many
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(flag.Args(), log); err != nil {
		log.Error("the worker has ended", "error", err)
		os.Exit(1)
	}
}

// settled is when a worker has started, most often, and waits for its function.
const settled = 5 * time.Second

// run is the agent or the supervisor, as the arguments say.
func run(arguments []string, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	switch {
	case len(arguments) == 0:
		return fromInput(ctx, os.Stdin, os.Stdout, log)
	case arguments[0] == "pod" && len(arguments) == 1:
		return inPod(ctx, os.Stdout, log)
	case arguments[0] == "runtime" && len(arguments) > 1:
		return supervise(ctx, arguments[1:])
	default:
		flag.Usage()
		return errors.New("these arguments are not known; the configuration is never an argument, " +
			"because anybody on the machine can read arguments")
	}
}

func fromInput(ctx context.Context, in io.Reader, out io.Writer, log *slog.Logger) error {
	c, err := agentconfig.Read(in)
	if err != nil {
		return err
	}
	abandoned := make(chan struct{})
	go func() { // ends with the process: reading standard input cannot be called off
		_, _ = io.Copy(io.Discard, in)
		close(abandoned)
	}()
	return agent.New(c, log.With("worker_id", c.WorkerID), time.Now).Run(ctx, abandoned, out)
}

func inPod(ctx context.Context, out io.Writer, log *slog.Logger) error {
	c, workerID, err := podlayout.Read()
	if err != nil {
		return err
	}
	if c.Server != nil {
		s, err := agent.NewServer(c, workerID, log.With("worker_id", workerID), time.Now)
		if err != nil {
			return err
		}
		return s.Run(ctx, out)
	}
	a, err := agent.NewPod(c, workerID, log.With("worker_id", workerID), time.Now)
	if err != nil {
		return err
	}
	return a.Run(ctx, nil, out)
}

func supervise(ctx context.Context, command []string) error {
	if command[0] == "--" {
		command = command[1:]
	}
	s := supervisor.Supervisor{RunDir: podlayout.RunDir, Command: command, Environ: os.Environ()}
	return s.Run(ctx)
}
