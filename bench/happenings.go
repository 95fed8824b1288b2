package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger/triggertest"
	"github.com/openstack-faas/faas/pkg/aodh"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// cloudSources makes things happen in the cloud.
type cloudSources struct {
	who        tenant
	subscriber *triggertest.Subscriber // a bare HTTP server
	publisher  *triggertest.Publisher  // tells Aodh
	bus        *amqp.Channel           // says what Nova would
	heard      <-chan amqp.Delivery    // by a bare consumer
	ends       []func()
}

// happenings returns the sources, and what ends them.
func happenings(ctx context.Context, who tenant) (all []happening, end func(), err error) {
	s := &cloudSources{who: who}
	end = func() {
		for _, one := range s.ends {
			one()
		}
	}
	if s.subscriber, err = triggertest.NewSubscriber(os.Getenv("FAAS_WORLD")); err != nil {
		return nil, end, err
	}
	s.ends = append(s.ends, s.subscriber.Close)
	if err := s.connect(os.Getenv("TRANSPORT_URL")); err != nil {
		return nil, end, err
	}
	makers := []func(context.Context) (happening, error){s.webhook, s.clock, s.swift, s.notification}
	if who.services[aodh.ServiceType] != "" && who.services[zaqar.ServiceType] != "" {
		makers = append(makers, s.alarm, s.push, s.pull)
	}
	for _, source := range makers {
		h, err := source(ctx)
		if err != nil {
			return nil, end, err
		}
		all = append(all, h)
	}
	return all, end, nil
}

func (s *cloudSources) connect(transport string) (err error) {
	if s.publisher, err = triggertest.NewPublisher(transport); err != nil {
		return err
	}
	s.ends = append(s.ends, s.publisher.Close)
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(transport, "rabbit"))
	if err != nil {
		return err
	}
	s.ends = append(s.ends, func() { _ = conn.Close() })
	s.bus, err = conn.Channel()
	return err
}

// told returns how long it took until the bare HTTP server was sent something.
func (s *cloudSources) told(ctx context.Context, happen func() error) (time.Duration, error) {
	for len(s.subscriber.Deliveries) > 0 {
		<-s.subscriber.Deliveries
	}
	began := time.Now()
	if err := happen(); err != nil {
		return 0, err
	}
	select {
	case d := <-s.subscriber.Deliveries:
		return d.At.Sub(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(3 * time.Minute):
		return 0, errors.New("the bare HTTP server is sent nothing")
	}
}

const bareServer = "a bare HTTP server is sent it"

func named(what string) string { return "bench-" + what + "-" + faas.NewID()[24:] }

// send sends a request that has to succeed, and returns the answer.
func send(ctx context.Context, method, url, token string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("X-Auth-Token", token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s %.200s", method, r.URL.Path, resp.Status, answer)
	}
	return answer, err
}

func (s *cloudSources) webhook(context.Context) (happening, error) {
	return happening{
		source: "webhook", floorOf: bareServer,
		happen: func(ctx context.Context, g triggerShown) error {
			_, err := send(ctx, http.MethodPost, g.URL, "", []byte(`{}`))
			return err
		},
		floor: func(ctx context.Context) (time.Duration, error) {
			return s.told(ctx, func() error {
				_, err := send(ctx, http.MethodPost, s.subscriber.URL, "", []byte(`{}`))
				return err
			})
		},
	}, nil
}

// clock has a function be executed each second. Time needs nobody to tell of it: there is no floor.
func (s *cloudSources) clock(context.Context) (happening, error) {
	return happening{
		source: "clock", settings: map[string]any{"pattern": "* * * * * *"}, tellTime: true,
		happen: func(context.Context, triggerShown) error { return nil },
	}, nil
}

func (s *cloudSources) swift(ctx context.Context) (happening, error) {
	container := s.who.services["object-store"] + "/" + named("objects")
	if _, err := send(ctx, http.MethodPut, container, s.who.token, nil); err != nil {
		return happening{}, err
	}
	n := 0
	put := func(ctx context.Context) error {
		n++
		_, err := send(ctx, http.MethodPut, fmt.Sprintf("%s/o-%04d", container, n), s.who.token, []byte("x"))
		return err
	}
	return happening{
		source: "swift", setting: ", woken", // by itself it looks each hour
		settings: map[string]any{"container": container[strings.LastIndexByte(container, '/')+1:], "interval": 3600},
		happen:   func(ctx context.Context, _ triggerShown) error { return put(ctx) },
		floorOf:  "a PUT, and a list that has it",
		floor: func(ctx context.Context) (time.Duration, error) {
			// Into another container, which no trigger looks at.
			other := s.who.services["object-store"] + "/" + named("bare")
			if _, err := send(ctx, http.MethodPut, other, s.who.token, nil); err != nil {
				return 0, err
			}
			began := time.Now()
			if _, err := send(ctx, http.MethodPut, other+"/o", s.who.token, []byte("x")); err != nil {
				return 0, err
			}
			for {
				list, err := send(ctx, http.MethodGet, other, s.who.token, nil)
				if err != nil || len(list) > 0 {
					return time.Since(began), err
				}
			}
		},
	}, nil
}

func (s *cloudSources) notification(ctx context.Context) (happening, error) {
	const exchange = "nova"
	if err := s.bus.ExchangeDeclare(exchange, amqp.ExchangeTopic, false, false, false, false, nil); err != nil {
		return happening{}, err
	}
	queue, err := s.bus.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return happening{}, err
	}
	if err := s.bus.QueueBind(queue.Name, "notifications.info", exchange, false, nil); err != nil {
		return happening{}, err
	}
	if s.heard, err = s.bus.ConsumeWithContext(ctx, queue.Name, "", true, true, false, false, nil); err != nil {
		return happening{}, err
	}
	kind := "compute.instance." + named("update") // of whose types Nova says whose the server is
	say := func(ctx context.Context) error {      // as short as may be; it is the way that counts
		body := fmt.Sprintf(`{"oslo.version": "2.0", "oslo.message": %q}`, fmt.Sprintf(`{"message_id": %q, `+
			`"publisher_id": "compute.host-1", "priority": "INFO", "event_type": %q, "timestamp": %q, "payload": `+
			`{"tenant_id": %q, "instance_id": "i-1"}}`, faas.NewID(), kind,
			time.Now().UTC().Format("2006-01-02 15:04:05.000000"), s.who.project))
		message := amqp.Publishing{Body: []byte(body)}
		return s.bus.PublishWithContext(ctx, exchange, "notifications.info", false, false, message)
	}
	return happening{
		source: "notification", settings: map[string]any{"event_type": kind},
		happen:  func(ctx context.Context, _ triggerShown) error { return say(ctx) },
		floorOf: "a bare consumer gets it",
		floor: func(ctx context.Context) (time.Duration, error) {
			for len(s.heard) > 0 { // those of the trigger
				<-s.heard
			}
			began := time.Now()
			if err := s.bus.PublishWithContext(ctx, exchange, "notifications.info", false, false,
				amqp.Publishing{Body: []byte(`{"event_type": "bare"}`)}); err != nil {
				return 0, err
			}
			for {
				select {
				case d := <-s.heard:
					if bytes.Contains(d.Body, []byte("bare")) {
						return time.Since(began), nil
					}
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
		},
	}, nil
}
