package agent

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// NewPod returns the agent of a worker that is a pod; Run is its life.
func NewPod(p podlayout.Config, workerID string, log *slog.Logger, now func() time.Time) (*Agent, error) {
	checker, err := faas.NewTokenChecker(p.TokenKey, workerID)
	if err != nil {
		return nil, err
	}
	c := agentconfig.Config{
		WorkerID: workerID, Listen: p.Listen, Slots: p.Slots, Limits: p.Limits, Timeouts: p.Timeouts,
		RunDir: p.RunDir, CodeDir: p.CodeDir, HomeDir: p.HomeDir,
	}
	c.Fill()
	if err := c.ValidateWorker(); err != nil {
		return nil, err
	}
	callers := &signedToken{checker: checker, now: now}
	a := newAgent(c, newSupervisorClient(c.RunDir), callers, log, now)
	if a.door, err = newDoor(p, callers); err != nil {
		return nil, err
	}
	a.sharesNetwork = true
	a.mark = mark(filepath.Join(c.RunDir, podlayout.SpecialisedMark))
	return a, nil
}
