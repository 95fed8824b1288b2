package main

import (
	"context"
	"errors"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/aodh"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

func (s *cloudSources) alarm(ctx context.Context) (happening, error) {
	client := aodh.NewAlarmingV2At(&gophercloud.ProviderClient{TokenID: s.who.token}, s.who.services[aodh.ServiceType])
	kind, bare := named("event"), named("bare")
	made, err := aodh.Create(ctx, client, aodh.CreateOpts{
		Name: bare, Type: aodh.TypeEvent, Rule: aodh.EventRule{EventType: bare}, Repeat: true,
		Actions: []string{s.subscriber.URL},
	}).Extract()
	if err != nil {
		return happening{}, err
	}
	s.ends = append(s.ends, func() { aodh.Delete(context.WithoutCancel(ctx), client, made.ID) })
	publish := func(ctx context.Context, kind string) error {
		_, err := s.publisher.Publish(ctx, s.who.project, kind, nil)
		return err
	}
	return happening{
		source: "aodh",
		settings: map[string]any{"alarm": map[string]any{
			"type": "event", "rule": map[string]any{"event_type": kind},
		}},
		happen:  func(ctx context.Context, _ triggerShown) error { return publish(ctx, kind) },
		floorOf: bareServer,
		floor: func(ctx context.Context) (time.Duration, error) {
			return s.told(ctx, func() error { return publish(ctx, bare) })
		},
	}, nil
}

func (s *cloudSources) queues() *gophercloud.ServiceClient {
	return zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: s.who.token}, s.who.services[zaqar.ServiceType], faas.NewID(),
	)
}

func post(ctx context.Context, client *gophercloud.ServiceClient, queue string) error {
	_, err := zaqar.Send(ctx, client, queue, zaqar.Posts{{Body: map[string]any{}, TTL: time.Hour}})
	return err
}

func (s *cloudSources) push(ctx context.Context) (happening, error) {
	client, queue, bare := s.queues(), named("push"), named("bare")
	opts := zaqar.SubscribeOpts{Subscriber: s.subscriber.URL, TTL: time.Hour}
	id, err := zaqar.Subscribe(ctx, client, bare, opts).Extract()
	if err == nil {
		err = zaqar.Confirm(ctx, client, bare, id, true).ExtractErr()
	}
	if err != nil {
		return happening{}, err
	}
	s.ends = append(s.ends, func() { zaqar.Unsubscribe(context.WithoutCancel(ctx), client, bare, id) })
	return happening{
		source: "zaqar", setting: ", push", settings: map[string]any{"queue": queue, "mode": "push"},
		happen:  func(ctx context.Context, _ triggerShown) error { return post(ctx, client, queue) },
		floorOf: bareServer,
		floor: func(ctx context.Context) (time.Duration, error) {
			return s.told(ctx, func() error { return post(ctx, client, bare) })
		},
	}, nil
}

func (s *cloudSources) pull(context.Context) (happening, error) {
	client, queue, bare := s.queues(), named("pull"), named("bare")
	return happening{
		source: "zaqar", setting: ", pull", settings: map[string]any{"queue": queue, "mode": "pull"},
		happen:  func(ctx context.Context, _ triggerShown) error { return post(ctx, client, queue) },
		floorOf: "a bare loop of claims has it",
		floor: func(ctx context.Context) (time.Duration, error) {
			began := time.Now()
			if err := post(ctx, client, bare); err != nil {
				return 0, err
			}
			for {
				some, err := zaqar.Claim(ctx, client, bare, zaqar.ClaimOpts{TTL: time.Minute, Limit: 1})
				if err != nil || len(some) > 0 {
					took := time.Since(began)
					return took, errors.Join(err, zaqar.DeleteClaimed(ctx, client, bare, some))
				}
			}
		},
	}, nil
}
