// Package orchestratortest tests an orchestrator against its interface: what engine and dispatcher
// rely on, and what a function must not be able to do. Every implementation runs the same tests,
// with real workers and the agents' real protocol.
package orchestratortest

import (
	"testing"

	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Subject is an orchestrator under test. The suite closes it.
type Subject struct {
	Orchestrator orchestrator.Orchestrator
	Python       string // the image of a Python runtime
	Other        string // the image of another runtime that can be had here
	Missing      string // an image that there is not

	// KillAgent and KillRuntime kill a part of the worker from outside, as a crash would.
	KillAgent   func(t *testing.T, workerID string)
	KillRuntime func(t *testing.T, workerID string)

	// Reopen returns another orchestrator of the same workers, which the suite closes. Nil: workers
	// end with their orchestrator.
	Reopen func(t *testing.T) orchestrator.Orchestrator

	// What this host enforces; tests of anything else are skipped.
	Memory, CPU, Processes bool
	MaxProcesses           int  // of a worker beyond the warm runtime's own; 0: as faas.DefaultProcessLimits says
	OwnUsers               bool // a worker's processes can touch no other's
	Network                bool // a worker reaches no other and nothing of Forbidden

	Forbidden []string // host:port of what must be out of a function's reach, and is not out of the test's
}

// Run runs the suite; open makes a fresh subject for each test.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(h *harness)
	}{
		{"pool is filled", testPoolIsFilled},
		{"pool of none", testPoolOfNone},
		{"missing image", testMissingImage},
		{"pool changes its size", testPoolChangesItsSize},
		{"change of image", testChangeOfImage},
		{"delete pool", testDeletePool},
		{"workers beside a pool", testExtend},
		{"claim", testClaim},
		{"claims that are wrong", testWrongClaims},
		{"two specialise one worker", testTwoSpecialise},
		{"tokens", testTokens},
		{"remove", testRemove},
		{"events end", testEventsEnd},
		{"watch", testWatch},
		{"watch that lags", testWatchThatLags},
		{"watch ends", testWatchEnds},
		{"close", testClose},
		{"agent crashes", testAgentCrashes},
		{"runtime crashes", testRuntimeCrashes},
		{"claimed worker crashes", testClaimedCrashes},
		{"limit of memory", testMemory},
		{"limit of memory at the first call", testFirstMemory},
		{"limit of cpu", testCPU},
		{"limit of processes", testProcesses},
		{"limits of files", testFiles},
		{"hostile: rights", testRights},
		{"hostile: agent", testAgentIsOutOfReach},
		{"hostile: neighbour", testNeighbourIsOutOfReach},
		{"hostile: token", testTokenIsNowhere},
		{"hostile: network", testNetwork},
	} {
		t.Run(test.name, func(t *testing.T) {
			subject := open(t)
			t.Cleanup(func() {
				if err := subject.Orchestrator.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test.run(newHarness(t, subject))
		})
	}
}
