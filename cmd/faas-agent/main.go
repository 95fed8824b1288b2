// Command faas-agent runs beside a language runtime in every worker. It is started by an orchestrator, which writes its
// configuration, a line of JSON (agent.Config), to its standard input and keeps that open for as long as it wants the worker.
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

	"github.com/openstack-faas/faas/internal/agent"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "faas-agent reads its configuration, a line of JSON, from its standard input. It takes no arguments.")
	}
	flag.Parse()
	// There is one agent for each worker, so memory counts for more than time: a heap of well under a megabyte is collected when it
	// has grown by one. A call is all waiting for the runtime: with one thread running at a time it costs a third less than with two,
	// which spend their time waking each other.
	debug.SetGCPercent(25)
	runtime.GOMAXPROCS(1)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(os.Stdin, os.Stdout, log); err != nil {
		log.Error("the worker has ended", "error", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	c, err := agent.ReadConfig(in)
	if err != nil {
		return err
	}
	if flag.NArg() > 0 {
		return errors.New("arguments are given, which anybody on the machine can read; the configuration comes on standard input")
	}
	abandoned := make(chan struct{})
	go func() { // ends with the process: reading standard input cannot be called off
		_, _ = io.Copy(io.Discard, in)
		close(abandoned)
	}()
	return agent.New(c, log.With("worker_id", c.WorkerID), time.Now).Run(ctx, abandoned, out)
}
