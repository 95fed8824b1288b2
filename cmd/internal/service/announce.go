package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/store"
)

// announceTimeout bounds each attempt of a process to say that it lives.
const announceTimeout = store.ProcessBeat

// announce has the process say in the database that it lives and of which release it is, until it
// closes its parts. faas-status and faas-manage db sync read it. A process that the database has been
// upgraded beyond does not start; one that runs logs it.
func (p *Parts) announce(ctx context.Context, program string, log *slog.Logger) error {
	self := store.Process{Name: p.Name, Program: program, Version: version.Release()}
	say := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, announceTimeout)
		defer cancel()
		return p.Store.AnnounceProcess(ctx, self)
	}
	if err := say(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // while the last requests are served, too
	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(store.ProcessBeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			switch err := say(ctx); {
			case errors.Is(err, store.ErrContracted):
				log.Error("this process must be replaced by one of a newer release", "error", err)
			case err != nil:
				log.Debug("the process could not announce itself in the database", "error", err)
			}
		}
	})
	s, name := p.Store, p.Name
	p.leave = func() {
		cancel()
		beating.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), announceTimeout)
		defer cancel()
		if err := s.RemoveProcess(ctx, name); err != nil {
			log.Debug("the process could not say in the database that it ends", "error", err)
		}
	}
	return nil
}
