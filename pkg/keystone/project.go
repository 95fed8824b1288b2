package keystone

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/domains"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"golang.org/x/sync/singleflight"
)

// projectTime is how long an answer about a project is taken for true.
const projectTime = 30 * time.Second

// projectLookup finds out about projects.
type projectLookup struct {
	*ownLogin

	projects *memory[bool]      // whether they are enabled
	lookups  singleflight.Group // by project
}

// ProjectEnabled reports whether a project is there and it and its domain are enabled. The answer
// may be half a minute old, and while Keystone cannot be asked OutageTime older. The error is
// ErrUnavailable, or ctx's.
func (p *projectLookup) ProjectEnabled(ctx context.Context, projectID string) (bool, error) {
	key, now := hash(sha256.Sum256([]byte("project "+projectID))), p.now()
	enabled, at, ok := p.projects.get(key)
	if ok && now.Sub(at) < projectTime {
		return enabled, nil
	}
	detached := context.WithoutCancel(ctx)
	answer := p.lookups.DoChan(
		projectID,
		func() (any, error) { return p.projectEnabled(detached, projectID, key) },
	)
	select {
	case r := <-answer:
		if r.Err == nil {
			return r.Val.(bool), nil
		}
		if ok && now.Sub(at) < projectTime+p.cfg.OutageTime && errors.Is(r.Err, ErrUnavailable) {
			return enabled, nil
		}
		return false, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (p *projectLookup) projectEnabled(ctx context.Context, projectID string, key hash) (bool, error) {
	asked := p.now()
	var project *projects.Project
	err := p.asService(ctx, "reading a project", func(ctx context.Context, own string) (err error) {
		project, err = projects.Get(ctx, p.identity(own), projectID).Extract()
		return failure("reading a project", err, true)
	})
	enabled := err == nil && project.Enabled
	if enabled && project.DomainID != "" {
		err = p.asService(ctx, "reading a domain", func(ctx context.Context, own string) error {
			domain, err := domains.Get(ctx, p.identity(own), project.DomainID).Extract()
			enabled = err == nil && domain.Enabled
			return failure("reading a domain", err, true)
		})
	}
	if err != nil && status(err) != http.StatusNotFound {
		return false, err
	}
	p.projects.put(key, enabled, asked)
	return enabled, nil
}

// ProjectGone reports whether there is no such project, which is not the same as a disabled one. The
// error is ErrUnavailable, or ctx's.
func (p *projectLookup) ProjectGone(ctx context.Context, projectID string) (bool, error) {
	err := p.asService(ctx, "reading a project", func(ctx context.Context, own string) error {
		_, err := projects.Get(ctx, p.identity(own), projectID).Extract()
		return failure("reading a project", err, true)
	})
	if status(err) == http.StatusNotFound {
		return true, nil
	}
	return false, err
}
