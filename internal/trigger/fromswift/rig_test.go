package fromswift

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/gophercloud/gophercloud/v2"
	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// rig is a trigger on a container of its own, which begins empty, with a Keeper and what the engine
// does for that: it brings the state along.
type rig struct {
	testing.TB
	mine      *swift.Client // of whoever uses the container
	container string
	small     *swifttest.Server // nil on the real Swift

	cloud  *cloud
	taker  *taker
	keeper *Keeper
	limits limits // of the keeper; the real ones if none
	t      faas.Trigger
}

// onBoth runs a test on the small Swift and, where there is one, on the real one.
func onBoth(t *testing.T, settings string, test func(r *rig)) {
	t.Run("small", func(t *testing.T) { test(onSmall(t, settings)) })
	t.Run("real", func(t *testing.T) { test(onReal(t, settings)) })
}

// objects returns n, or a fifth of it on the real one with -short: each object costs that several
// requests.
func (r *rig) objects(n int) int {
	if r.small == nil && testing.Short() {
		return n / 5
	}
	return n
}

func onSmall(t testing.TB, settings string) *rig {
	s := swifttest.New(t)
	endpoint := s.Grant("token", "p")
	r := newRig(t, "token", endpoint, "p", "c", settings)
	r.small = s
	return r
}

func onReal(t testing.TB, settings string) *rig {
	demo := testkit.Keystone(t).Login(t, "demo")
	r := newRig(t, demo.Token, demo.Endpoints["object-store"], demo.ProjectID, "test "+rand.Text(), settings)
	t.Cleanup(func() {
		ctx := context.Background()
		var group errgroup.Group
		group.SetLimit(16)
		err := r.mine.List(ctx, r.container, func(e swift.Entry) error {
			group.Go(func() error {
				if err := r.mine.Delete(ctx, r.container, e.Name); !errors.Is(err, swift.ErrNotFound) {
					return err
				}
				return nil
			})
			return nil
		})
		if err := errors.Join(err, group.Wait(), r.mine.DeleteContainer(ctx, r.container)); err != nil {
			t.Error(err)
		}
	})
	return r
}

// newRig makes a rig. settings are those of the trigger but for the container.
func newRig(t testing.TB, token, endpoint, project, container, settings string) *rig {
	r := &rig{
		TB: t, container: container,
		mine:  swift.New(swift.Config{Token: swift.Fixed(token), Endpoint: swift.At(endpoint)}),
		cloud: &cloud{token: token, endpoint: endpoint}, taker: &taker{times: map[string]int{}},
	}
	if err := r.mine.EnsureContainer(t.Context(), container); err != nil {
		t.Fatal(err)
	}
	r.t = faas.Trigger{
		ID: "trigger", ProjectID: project, Source: faas.TriggerSwift, Status: faas.TriggerActive, CreatedAt: time.Now(),
		Settings: r.settings(settings),
	}
	r.another()
	return r
}

func (r *rig) settings(more string) string {
	s, err := ParseSettings(json.RawMessage(fmt.Sprintf(`{"container": %q%s}`, r.container, more)))
	if err != nil {
		r.Fatal(err)
	}
	text, _ := json.Marshal(s)
	return string(text)
}

// another has the trigger kept by another process, which knows what is in its state.
func (r *rig) another() {
	r.keeper = New(Config{Cloud: r.cloud, Take: r.taker})
	if r.limits.page > 0 {
		r.keeper.limits = r.limits
	}
}

// look calls Keep once, and keeps the state as the engine does.
func (r *rig) look(ctx context.Context) (trigger.Kept, error) {
	kept, err := r.keeper.Keep(ctx, r.t)
	if len(kept.State) > 64<<10 {
		r.Fatalf("a state of %d bytes", len(kept.State))
	}
	r.t.State = kept.State
	return kept, err
}

// see looks until nothing is left for another look, and returns how many events there were.
func (r *rig) see() int {
	r.Helper()
	before := r.taker.count()
	for {
		kept, err := r.look(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		if kept.Again == 0 {
			r.Fatal("it would not look again")
		}
		if !strings.Contains(r.t.State, `"marker"`) && kept.Again != goOn {
			return r.taker.count() - before
		}
	}
}

func (r *rig) put(name, body string) {
	r.Helper()
	err := r.mine.Put(r.Context(), r.container, name, strings.NewReader(body), swift.MD5([]byte(body)))
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) delete(name string) {
	r.Helper()
	if err := r.mine.Delete(r.Context(), r.container, name); err != nil {
		r.Fatal(err)
	}
}

// putMany puts objects, many at a time.
func (r *rig) putMany(names ...string) {
	r.Helper()
	r.many(names, func(ctx context.Context, name string) error {
		return r.mine.Put(ctx, r.container, name, strings.NewReader(name), swift.MD5([]byte(name)))
	})
}

func (r *rig) deleteMany(names ...string) {
	r.Helper()
	r.many(names, func(ctx context.Context, name string) error { return r.mine.Delete(ctx, r.container, name) })
}

func (r *rig) many(names []string, do func(ctx context.Context, name string) error) {
	r.Helper()
	group, ctx := errgroup.WithContext(r.Context())
	group.SetLimit(16)
	for _, name := range names {
		group.Go(func() error { return do(ctx, name) })
	}
	if err := group.Wait(); err != nil {
		r.Fatal(err)
	}
}

func numbered(from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("object-%06d", i))
	}
	return names
}

// got returns the events since it was called last, as "created name", in any order.
func (r *rig) got() (events []string) {
	r.taker.mu.Lock()
	defer r.taker.mu.Unlock()
	for _, e := range r.taker.events {
		events = append(events, e.Type()[len("org.openstack.swift.object."):]+" "+e.Subject()[len(r.container+"/"):])
	}
	r.taker.events = nil
	return events
}

// cloud is the small real thing that gives a trigger its client: it counts the requests.
type cloud struct {
	token, endpoint string
	failed          error

	mu       sync.Mutex
	requests []string
	bytes    int64 // of the answers, as far as they say
}

func (c *cloud) Client(context.Context, faas.Trigger, string) (*gophercloud.ServiceClient, error) {
	if c.failed != nil {
		return nil, c.failed
	}
	return &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: c.token, HTTPClient: http.Client{Transport: c}},
		Endpoint:       gophercloud.NormalizeURL(c.endpoint),
	}, nil
}

// RoundTrip implements http.RoundTripper.
func (c *cloud) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(request)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request.Method)
	if err == nil && request.Method == http.MethodGet && answer.ContentLength > 0 {
		c.bytes += answer.ContentLength
	}
	return answer, err
}

// asked returns the requests since it was called last, by their methods.
func (c *cloud) asked() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	methods := strings.Join(c.requests, " ")
	c.requests = nil
	return methods
}

// taker records events as the table of executions does: by their id, once.
type taker struct {
	mu         sync.Mutex
	times      map[string]int // how often each came
	events     []event.Event
	duplicates int
	before     func(n int) error // called before the n-th event is taken, from 1 on; nil: nothing
	came       int
}

func (k *taker) Take(ctx context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	if err := e.Validate(); err != nil {
		return trigger.Taken{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.came++
	if k.before != nil {
		if err := k.before(k.came); err != nil {
			return trigger.Taken{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return trigger.Taken{}, err
	}
	if k.times[e.ID()]++; k.times[e.ID()] > 1 {
		k.duplicates++
		return trigger.Taken{Outcome: trigger.Duplicate}, nil
	}
	k.events = append(k.events, e)
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

func (k *taker) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.times)
}
