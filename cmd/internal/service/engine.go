package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// NewEngine makes the engine of the parts and the workers.
func NewEngine(
	p Parts, workers orchestrator.Orchestrator, conf config.Engine, common config.Service, log *slog.Logger,
) (*engine.Engine, error) {
	keepers, err := p.keepers(common, log)
	if err != nil {
		return nil, err
	}
	variables, err := FunctionVariables(common)
	if err != nil {
		return nil, err
	}
	gateways, err := Gateways(common.Worker)
	if err != nil {
		return nil, err
	}
	authority, err := Authority(common.Worker)
	if err != nil {
		return nil, err
	}
	e := engine.New(engine.Config{
		Name: p.Name, Alone: inProcess(common.Base), Store: p.Store, Broker: p.Broker, Code: p.Code,
		Orchestrator: workers, Gateways: gateways,
		Authority: authority,
		Trusts:    p.trustsOfEngine(), Objects: p.objectsOfEngine(), Quotas: p.Quotas, Calls: p.Calls, Sums: p.Sums,
		Notify: p.Notify, Publisher: p.publisher(log), Cloud: p.cloud(), URLs: p.URLs, Keepers: keepers,
		ProjectGone: p.projectGone(), Variables: variables, Log: log,
		Limits: engine.Limits{
			MaxInput: common.API.MaxInput,
			PoolSize: conf.PoolSize, PoolMax: conf.PoolMax, PoolExtra: conf.PoolExtra, Stable: conf.ScaleDownWindow,
			PerFunction: conf.MaxWorkersPerFunction, Workers: conf.MaxWorkers, Idle: conf.WorkerIdleTime,
			Lease: conf.Lease, Reap: conf.ReapInterval, AsyncParallel: conf.AsyncParallel, ImagePods: conf.MaxImagePods,
			Wait:      common.API.CallWait,
			Retention: conf.ExecutionRetention, Statistics: conf.StatisticsRetention,
			PackageGrace: conf.PackageGrace, PackageMemory: conf.PackageMemory,
		},
	})
	p.Calls.CountMemory(e.WorkerMemory)
	e.Register(p.Registry)
	return e, p.hear(e, common, log)
}

// ErrOverdue says that executions were still running when the time to stop was over. Whoever hears
// it ends the process at once: closing the parts would wait for those executions, and only when the
// process is gone do their leases run out.
var ErrOverdue = errors.New(
	"executions were still running when the time to stop was over; their leases will settle them",
)

// RunEngine runs the engine until ctx ends, and then waits as long as the settings say until its work
// has ended; the error is ErrOverdue if it has not. ready is called when the engine works.
func RunEngine(ctx context.Context, e *engine.Engine, live *Live, ready func()) error {
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-e.Ready():
		ready()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(live.Shutdown()):
		return ErrOverdue
	}
}
