package main

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
)

// burden keeps the machine busy with so many processes of the same priority, each of which would
// take a whole core, until stop is called or this process ends. The service has to share the
// machine with them, as it does in a cloud.
func burden(ctx context.Context, processes int) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	stop = func() { cancel(); group.Wait() }
	for range processes {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // or a bench that is killed leaves it running
		started := make(chan error)
		group.Go(func() {
			if err := cmd.Start(); err != nil {
				started <- err
				return
			}
			started <- nil
			_ = cmd.Wait() // it ends by a signal
		})
		if err := <-started; err != nil {
			stop()
			return nil, fmt.Errorf("a busy process: %w", err)
		}
	}
	return stop, nil
}
