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
	"github.com/openstack-faas/faas/internal/agentconfig"
)

// An agent and a supervisor take their process's children for their own, so each test's is a
// process: this binary, asked by this variable, whose value is one of the words below.
const beAgent = "FAAS_TEST_BE_AGENT"

const (
	beAlone      = "alone"      // the agent above its runtime
	bePod        = "pod"        // the agent of a pod
	beSupervisor = "supervisor" // what is beside that
)

func TestMain(m *testing.M) {
	role := os.Getenv(beAgent)
	os.Unsetenv(beAgent)
	switch role {
	case beAlone:
		os.Exit(play(runAlone))
	case bePod:
		os.Exit(play(runPod))
	case beSupervisor:
		os.Exit(play(runSupervisor))
	}
	goleak.VerifyTestMain(m)
}

// play is a role from its begin to its end, at which nothing of it may still run.
func play(role func(context.Context, *slog.Logger) error) (exitStatus int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	failed := role(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)))
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

func runAlone(ctx context.Context, log *slog.Logger) error {
	c, err := agentconfig.Read(os.Stdin)
	if err != nil {
		return err
	}
	abandoned := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(abandoned)
	}()
	return agent.New(c, log, time.Now).Run(ctx, abandoned, os.Stdout)
}
