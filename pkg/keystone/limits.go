package keystone

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/registeredlimits"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// UnifiedLimits reads the limits that Keystone keeps for a service. Keystone shows other projects'
// limits to the scope of the system alone, so the service's user needs the role reader on it. It is
// safe for concurrent use.
type UnifiedLimits struct {
	client      *Client
	serviceType string

	own atomic.Pointer[ownToken] // of the system's scope

	mu         sync.Mutex // held while Keystone is asked for what all projects share
	registered registered
	refused    error // of the last try to get a token
	retry      time.Time
}

// registered is what holds for projects without limits of their own.
type registered struct {
	service string // its id
	limits  map[string]int64
	until   time.Time
}

// registeredFor is how long registered limits are remembered: they hold for all projects, and
// seldom change.
const registeredFor = time.Minute

// UnifiedLimits returns a reader of the limits of the service that the catalogue has under the
// type.
func (c *Client) UnifiedLimits(serviceType string) *UnifiedLimits {
	return &UnifiedLimits{client: c, serviceType: serviceType}
}

// Of returns a project's limits by the names of the resources: its own, and where it has none the
// registered ones. Those of our region stand over those of all regions. Errors are ErrNotFound when
// Keystone has no such service, ErrForbidden and ErrUnavailable.
func (u *UnifiedLimits) Of(ctx context.Context, projectID string) (map[string]int64, error) {
	token, all, err := u.shared(ctx)
	if err != nil {
		return nil, err
	}
	var rows []limits.Limit
	err = u.ask(ctx, "listing the limits of a project", token, func(ctx context.Context) error {
		pages, err := limits.List(u.client.identity(token), limits.ListOpts{ServiceID: all.service, ProjectID: projectID}).
			AllPages(ctx)
		if err == nil {
			rows, err = limits.ExtractLimits(pages)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	own := regional{region: u.client.cfg.Region}
	for _, r := range rows {
		if r.ProjectID == projectID { // a Keystone that does not know the filter shows others', too
			own.add(r.ResourceName, r.RegionID, r.ResourceLimit)
		}
	}
	merged := maps.Clone(all.limits)
	maps.Copy(merged, own.merged())
	return merged, nil
}

// shared returns a token of the system's scope and what holds for all projects.
func (u *UnifiedLimits) shared(ctx context.Context) (string, registered, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.client.now()
	token, err := u.token(ctx, now)
	if err != nil {
		return "", registered{}, err
	}
	if now.Before(u.registered.until) {
		return token, u.registered, nil
	}
	fresh, err := u.readRegistered(ctx, token)
	if err != nil {
		return "", registered{}, err
	}
	fresh.until = now.Add(registeredFor)
	u.registered = fresh
	return token, fresh, nil
}

// token returns a token, a new one where there is none.
func (u *UnifiedLimits) token(ctx context.Context, now time.Time) (string, error) {
	if own := u.own.Load(); own != nil && now.Before(own.renew) {
		return own.id, nil
	}
	if now.Before(u.retry) {
		return "", u.refused
	}
	const op = "authenticating the service in the system"
	var own *ownToken
	err := u.client.ask(ctx, op, true, func(ctx context.Context) (err error) {
		own, err = u.client.authenticate(ctx, op, tokens.Scope{System: true})
		return err
	})
	if s := status(err); s == http.StatusUnauthorized || s == http.StatusForbidden {
		u.refused = fmt.Errorf("%w: the service's user needs the role reader on the system to read limits, as by "+
			"openstack role add --system all --user %s reader: %w", ErrForbidden, u.client.cfg.Username, opaque(err))
		u.retry = now.Add(ownPause)
		return "", u.refused
	}
	if err != nil {
		return "", err
	}
	u.own.Store(own)
	return own.id, nil
}

func (u *UnifiedLimits) readRegistered(ctx context.Context, token string) (registered, error) {
	var ids []services.Service
	err := u.ask(ctx, "looking up the service", token, func(ctx context.Context) error {
		pages, err := services.List(u.client.identity(token), services.ListOpts{ServiceType: u.serviceType}).AllPages(ctx)
		if err == nil {
			ids, err = services.ExtractServices(pages)
		}
		return err
	})
	if err != nil {
		return registered{}, err
	}
	if len(ids) != 1 {
		//nolint:staticcheck // a name
		return registered{}, fmt.Errorf(
			"Keystone has %d services of the type %s: %w", len(ids), u.serviceType, ErrNotFound,
		)
	}
	var rows []registeredlimits.RegisteredLimit
	err = u.ask(ctx, "listing registered limits", token, func(ctx context.Context) error {
		pages, err := registeredlimits.List(u.client.identity(token), registeredlimits.ListOpts{ServiceID: ids[0].ID}).
			AllPages(ctx)
		if err == nil {
			rows, err = registeredlimits.ExtractRegisteredLimits(pages)
		}
		return err
	})
	all := regional{region: u.client.cfg.Region}
	for _, r := range rows {
		all.add(r.ResourceName, r.RegionID, r.DefaultLimit)
	}
	return registered{service: ids[0].ID, limits: all.merged()}, err
}

// ask sends a request to Keystone. A token that Keystone refuses is not used again.
func (u *UnifiedLimits) ask(ctx context.Context, op, token string, f func(ctx context.Context) error) error {
	err := u.client.ask(ctx, op, true, func(ctx context.Context) error { return failure(op, f(ctx), true) })
	if errors.Is(err, ErrInvalidToken) {
		u.forget(token)
		return fmt.Errorf("%w: it refuses the service's own token: %w", ErrUnavailable, opaque(err))
	}
	return err
}

// forget drops a token that Keystone refused, so that the next request gets another.
func (u *UnifiedLimits) forget(token string) {
	if own := u.own.Load(); own != nil && own.id == token {
		u.own.CompareAndSwap(own, nil)
	}
}

// regional collects limits of which some are of one region.
type regional struct {
	region          string
	general, within map[string]int64
}

func (r *regional) add(resource, region string, limit int) {
	to := &r.general
	switch region {
	case "":
	case r.region:
		to = &r.within
	default:
		return
	}
	if *to == nil {
		*to = map[string]int64{}
	}
	(*to)[resource] = int64(limit)
}

func (r *regional) merged() map[string]int64 {
	all := map[string]int64{}
	maps.Copy(all, r.general)
	maps.Copy(all, r.within)
	return all
}
