package agent_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/agent"
)

// An agent takes its process's children for its own, so each test's agent is a process: this binary, asked by this variable.
const beAgent = "FAAS_TEST_BE_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(beAgent) != "" {
		os.Exit(runAgent())
	}
	goleak.VerifyTestMain(m)
}

func runAgent() int {
	os.Unsetenv(beAgent)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	c, err := agent.ReadConfig(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	abandoned := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(abandoned)
	}()
	failed := agent.New(c, slog.New(slog.NewTextHandler(os.Stderr, nil)), time.Now).Run(ctx, abandoned, os.Stdout)
	stop()
	if err := goleak.Find(goleak.IgnoreAnyFunction("io.Copy"), goleak.IgnoreAnyFunction("os/signal.loop")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, failed)
		return 1
	}
	return 0
}
