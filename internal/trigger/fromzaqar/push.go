package fromzaqar

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// queue is a queue of Zaqar's, by whom its messages are for.
type queue struct {
	client *gophercloud.ServiceClient
	name   string
}

// subscriber returns the address that a trigger's queue is subscribed to.
func (k *Keeper) subscriber(t faas.Trigger, s Settings) string {
	if s.Action == trustAction {
		return "trust+" + k.cfg.URL(t)
	}
	return k.cfg.URL(t)
}

// inRound returns the address of a round. Zaqar gives the trust of a trust+http subscriber as long
// a life as the subscription has at first, and does not renew it. So there is a new subscription
// instead, which must have another address: by a fragment, which is not sent.
func inRound(address string, round int) string {
	if round == 0 {
		return address
	}
	return address + "#" + strconv.Itoa(round)
}

// subscribe has the queue's messages sent to the trigger's URL for a while more.
func (k *Keeper) subscribe(
	ctx context.Context, q *queue, t faas.Trigger, s Settings, st state,
) (trigger.Kept, error) {
	address, ttl := k.subscriber(t, s), k.ttl(s)
	there, err := q.subscription(ctx, st)
	if err != nil {
		return trigger.Kept{}, err
	}
	next := state{Queue: q.name, Subscription: st.Subscription, Round: st.Round}
	switch {
	case there == nil || there.Subscriber != inRound(address, st.Round):
		next.Round = 0
		next.Subscription, err = q.subscribe(ctx, inRound(address, 0), ttl)
	case !lasts(there, ttl) && s.Action == trustAction:
		next.Round++
		next.Subscription, err = q.subscribe(ctx, inRound(address, next.Round), ttl)
	case !lasts(there, ttl):
		err = q.renew(ctx, there.ID, ttl)
	}
	if err == nil && (there == nil || !there.Confirmed || next.Subscription != there.ID) {
		err = q.confirm(ctx, next.Subscription)
	}
	// The old subscription is left until the new one works: a message in between comes twice, and is
	// not lost.
	if err == nil && st.Subscription != "" && (st.Subscription != next.Subscription || st.Queue != q.name) {
		err = (&queue{q.client, st.Queue}).unsubscribe(ctx, st.Subscription)
	}
	if err != nil {
		return trigger.Kept{}, err
	}
	return trigger.Kept{State: next.String(), Again: min(k.cfg.Every, ttl/4)}, nil
}

// trustTTL is how much longer a subscription is made for that cannot be renewed: each has a trust
// of its own, and Keystone remembers them all.
const trustTTL = 24

func (k *Keeper) ttl(s Settings) time.Duration {
	ttl := k.cfg.TTL.Truncate(time.Second)
	if s.Action == trustAction {
		return trustTTL * ttl
	}
	return ttl
}

// lasts reports whether a subscription is as it was made and needs no renewal yet.
func lasts(s *zaqar.Subscription, ttl time.Duration) bool {
	for name := range s.Options {
		if name != "trust_id" { // Zaqar's own note
			return false
		}
	}
	return time.Duration(s.TTL)*time.Second == ttl && time.Duration(s.Age*float64(time.Second)) < ttl/2
}

// subscription returns the one that is remembered, or nil when that is not there, or is of another
// queue.
func (q *queue) subscription(ctx context.Context, st state) (*zaqar.Subscription, error) {
	if st.Subscription == "" || st.Queue != q.name {
		return nil, nil
	}
	there, err := zaqar.GetSubscription(ctx, q.client, q.name, st.Subscription).Extract()
	if zaqar.IsGone(err) {
		return nil, nil
	}
	return there, trigger.Explained(err, serviceName, "show the trigger's subscription")
}

// subscribe subscribes the address and returns the subscription's id. One that is there already is
// found, and renewed.
func (q *queue) subscribe(ctx context.Context, address string, ttl time.Duration) (string, error) {
	id, err := zaqar.Subscribe(ctx, q.client, q.name, zaqar.SubscribeOpts{Subscriber: address, TTL: ttl}).Extract()
	if err == nil {
		return id, nil
	}
	if !gophercloud.ResponseCodeIs(err, http.StatusConflict) {
		return "", trigger.Explained(err, serviceName, "subscribe the trigger to its queue")
	}
	mine, listErr := q.subscriptions(ctx, address)
	if listErr != nil {
		return "", listErr
	}
	for _, one := range mine {
		if one.Subscriber == address {
			return one.ID, q.renew(ctx, one.ID, ttl)
		}
	}
	return "", trigger.Explained(err, serviceName, "subscribe the trigger to its queue")
}

// subscriptions returns those of the address, in any of its rounds.
func (q *queue) subscriptions(ctx context.Context, address string) ([]zaqar.Subscription, error) {
	const pageSize, maxPages = 20, 50 // Zaqar's default limit; a queue with more subscribers is of no use
	address, _, _ = strings.Cut(address, "#")
	var mine []zaqar.Subscription
	marker := ""
	for range maxPages {
		page, next, err := zaqar.ListSubscriptions(ctx, q.client, q.name, marker, pageSize).Extract()
		if err != nil {
			return nil, trigger.Explained(err, serviceName, "list the queue's subscriptions")
		}
		for _, one := range page {
			if base, _, _ := strings.Cut(one.Subscriber, "#"); base == address {
				mine = append(mine, one)
			}
		}
		if len(page) == 0 || next == "" || next == marker {
			break
		}
		marker = next
	}
	return mine, nil
}

func (q *queue) renew(ctx context.Context, id string, ttl time.Duration) error {
	opts := zaqar.UpdateSubscriptionOpts{TTL: ttl, Options: map[string]any{}}
	err := zaqar.UpdateSubscription(ctx, q.client, q.name, id, opts).ExtractErr()
	return trigger.Explained(err, serviceName, "renew the trigger's subscription")
}

func (q *queue) confirm(ctx context.Context, id string) error {
	err := zaqar.Confirm(ctx, q.client, q.name, id, true).ExtractErr()
	return trigger.Explained(err, serviceName, "confirm the trigger's subscription")
}

func (q *queue) unsubscribe(ctx context.Context, id string) error {
	err := zaqar.Unsubscribe(ctx, q.client, q.name, id).ExtractErr()
	if zaqar.IsGone(err) {
		return nil
	}
	return trigger.Explained(err, serviceName, "end the trigger's subscription")
}
