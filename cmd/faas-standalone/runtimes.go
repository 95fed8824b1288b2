package main

import (
	"context"
	"log/slog"
	"slices"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// offerRuntimes makes the built-in runtimes available to everyone at the first start; the engine
// brings up their pools. One that an administrator deleted later stays away, as long as there is
// any runtime.
func offerRuntimes(ctx context.Context, s *store.Store, conf *config.Standalone, log *slog.Logger) error {
	there, err := s.AllRuntimes(ctx)
	if err != nil || len(there) > 0 {
		return err
	}
	for _, name := range slices.Compact(conf.Worker.Runtimes) {
		r, err := s.CreateRuntime(ctx, faas.Runtime{
			ProjectID: conf.API.NoauthProject, Name: name, Description: "built in", Image: name, IsPublic: true, Trusted: true,
		})
		if err != nil {
			return err
		}
		log.Info("made a built-in runtime", "runtime_id", r.ID, "name", name)
	}
	return nil
}
