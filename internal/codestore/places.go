package codestore

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/fair"
)

const (
	// maxPlaces and maxPlacesOfOne bound how many packages of all projects, and of one, are held in
	// files at a time.
	maxPlaces      = 8
	maxPlacesOfOne = 2
	// placeTimeout is how long a package waits for its place.
	placeTimeout = 10 * time.Second
	// placePause is the Retry-After when no place came free in time.
	placePause = 5 * time.Second
)

// Places bound how much temporary space packages on their way take: one place for each that is held
// in a file. Projects that wait take turns. They are safe for concurrent use.
type Places struct{ limiter *fair.Limiter }

// NewPlaces makes places that are all free.
func NewPlaces() *Places {
	return &Places{fair.NewLimiter(maxPlaces, fair.AtMost(maxPlacesOfOne), 0)}
}

// Take waits for a place for a package of the project; leave frees it, and may be called more than
// once. A place that is free is taken even when ctx has ended. The error is of kind Busy when none
// came free within ten seconds or before ctx ended.
func (p *Places) Take(ctx context.Context, projectID string) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, placeTimeout)
	defer cancel()
	leave, err = p.limiter.Enter(waiting, projectID)
	if err == nil {
		return leave, nil
	}
	const message = "Too many packages are being uploaded or read now, at most %d of one project; try again later."
	busy := faas.Errorf(faas.Busy, message, maxPlacesOfOne).WithCause(ctx.Err())
	busy.RetryAfter = placePause
	return nil, busy
}
