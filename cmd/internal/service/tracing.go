package service

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/tracing"
)

// traceEndTimeout bounds how long the last spans may take to be sent when the process ends.
const traceEndTimeout = 5 * time.Second

// trace has the process trace until stop is called.
func (p Parts) trace(ctx context.Context, c config.Tracing, program string, log *slog.Logger) (stop func(), err error) {
	ratio, err := strconv.ParseFloat(c.Ratio, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return nil, fmt.Errorf("[tracing] sampling_ratio: must be a number from 0 to 1; it is %q", c.Ratio)
	}
	end, err := tracing.Setup(context.WithoutCancel(ctx), tracing.Config{
		Endpoint: c.Endpoint, Ratio: ratio, Clients: c.Clients, Service: program, Instance: p.Name,
	}, log)
	if err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), traceEndTimeout)
		defer cancel()
		if err := end(ctx); err != nil {
			log.Warn("the last spans could not be sent", "error", err)
		}
	}, nil
}
