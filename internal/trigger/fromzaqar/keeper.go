package fromzaqar

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// Config is what a Keeper needs.
type Config struct {
	Cloud trigger.Cloud
	// URL returns a trigger's URL, with its secret, at which Zaqar reaches this service.
	URL   func(t faas.Trigger) string
	Taker trigger.Taker // of what is pulled
	TTL   time.Duration // of subscriptions, which are renewed at half of it: an hour when 0, a minute at least
	Every time.Duration // after which a subscription is looked at again: 5 minutes when 0
	Slice time.Duration // how long one call of Keep pulls: 20 seconds when 0
	Log   *slog.Logger  // slog.Default when nil
}

// Defaults of Config.
const (
	defaultTTL   = time.Hour
	defaultEvery = 5 * time.Minute
	defaultSlice = 20 * time.Second
)

// Keeper keeps the subscriptions of triggers, and pulls messages for them.
type Keeper struct{ cfg Config }

// New returns a keeper.
func New(cfg Config) *Keeper {
	cfg.TTL, cfg.Every = cmp.Or(cfg.TTL, defaultTTL), cmp.Or(cfg.Every, defaultEvery)
	cfg.Slice = cmp.Or(cfg.Slice, defaultSlice)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Keeper{cfg}
}

// state is what the keeper remembers of a trigger.
type state struct {
	Queue        string `json:"queue,omitempty"` // that is subscribed to
	Subscription string `json:"subscription,omitempty"`
	Round        int    `json:"round,omitempty"` // of a subscription that is not renewed, but made anew
	Idle         int    `json:"idle,omitempty"`  // seconds that were last waited because a pulled queue was empty
}

// readState returns what is remembered: nothing, when that cannot be read.
func readState(text string) (s state) {
	if json.Unmarshal([]byte(text), &s) != nil {
		return state{}
	}
	return s
}

// String returns what is to be remembered; never "", for which the state before is kept.
func (s state) String() string {
	text, _ := json.Marshal(s) // texts and numbers: cannot fail
	return string(text)
}

// Keep implements trigger.Keeper.
func (k *Keeper) Keep(ctx context.Context, t faas.Trigger) (trigger.Kept, error) {
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return trigger.Kept{}, err
	}
	st := readState(t.State)
	paused := t.Status == faas.TriggerPaused
	if paused && st.Subscription == "" { // its queue keeps what it is to pull
		return trigger.Kept{}, nil
	}
	client, err := k.client(ctx, t)
	if err != nil {
		return trigger.Kept{}, err
	}
	if s.Mode == Push && !paused {
		return k.subscribe(ctx, &queue{client, s.Queue}, t, s, st)
	}
	if st.Subscription != "" { // it was pushed before
		if err := (&queue{client, st.Queue}).unsubscribe(ctx, st.Subscription); err != nil {
			return trigger.Kept{}, err
		}
	}
	if paused {
		return trigger.Kept{State: state{}.String()}, nil
	}
	return k.pull(ctx, &queue{client, s.Queue}, t, s, st)
}

// Release implements trigger.Keeper: it ends the subscription. Where the trigger may do nothing in
// its project any more, nobody else may, either: the subscription then ends by itself, within its
// TTL, and until then leads to a URL that is gone.
func (k *Keeper) Release(ctx context.Context, t faas.Trigger) error {
	client, err := k.client(ctx, t)
	if err == nil {
		err = k.release(ctx, client, t)
	}
	if trigger.Gone(err) {
		k.cfg.Log.Info("a trigger's subscription in Zaqar is left to expire",
			"trigger_id", t.ID, "project_id", t.ProjectID, "error", err)
		return nil
	}
	return err
}

func (k *Keeper) release(ctx context.Context, client *gophercloud.ServiceClient, t faas.Trigger) error {
	st := readState(t.State)
	if st.Subscription != "" {
		if err := (&queue{client, st.Queue}).unsubscribe(ctx, st.Subscription); err != nil {
			return err
		}
	}
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil || s.Mode != Push {
		return nil //nolint:nilerr // settings that cannot be read never subscribed
	}
	// What was subscribed by a process that died before it was remembered.
	q := &queue{client, s.Queue}
	mine, err := q.subscriptions(ctx, k.subscriber(t, s))
	if err != nil {
		return err
	}
	for _, one := range mine {
		if err := q.unsubscribe(ctx, one.ID); err != nil {
			return err
		}
	}
	return nil
}

func (k *Keeper) client(ctx context.Context, t faas.Trigger) (*gophercloud.ServiceClient, error) {
	client, err := k.cfg.Cloud.Client(ctx, t, zaqar.ServiceType)
	if err != nil {
		return nil, err
	}
	return zaqar.NewMessagingV2At(client.ProviderClient, client.Endpoint, clientID(t)), nil
}

// clientID returns the UUID that Zaqar wants of each client: the trigger's, whichever process acts
// for it.
func clientID(t faas.Trigger) string {
	if id, err := uuid.Parse(t.ID); err == nil {
		return id.String()
	}
	return uuid.NewSHA1(uuid.Nil, []byte(t.ID)).String()
}

const serviceName = "Zaqar"
