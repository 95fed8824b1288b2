package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/busfeed"
	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
)

// A flood is what the services of a busy cloud say and hardly any trigger wants. What one engine
// does with it is held against a consumer that reads and acknowledges the same messages and
// looks at none, from a queue with the same bounds, a moment before.
const (
	floodTriggers = 10_000 // of a thousand projects
	floodProjects = 1000
	floodMessages = 20_000
	floodRounds   = 3
	floodName     = "faas.bench.flood"
	floodBare     = floodName + ".bare"
	floodPrefetch = 256
	floodFloor    = floorPrefix + "notifications read and acknowledged"
	floodTarget   = "target: ≥ 10000"
)

// rabbitFlood measures on a RabbitMQ that it starts, if there is one to start.
func rabbitFlood(ctx context.Context, r *report) error {
	server, err := testkit.StartRabbitMQ(ctx)
	if err != nil {
		fmt.Println("the flood of notifications is not measured:", err)
		return nil //nolint:nilerr // what else was measured is worth having
	}
	return errors.Join(flood(ctx, r, server.URL()), server.Stop())
}

// flooding is one kind of flood.
type flooding struct {
	what    string
	project int    // of the notifications, counted from 0; -1 for one that has no trigger
	event   string // their type
}

// floodings are what may become of a notification that nobody wants, from what costs least on.
func floodings() []flooding {
	return []flooding{
		{"of projects without triggers", -1, "compute.instance.update"},
		{"of a project with ten triggers of other types", 7, "compute.instance.update"},
		{"that a trigger's filter refuses", 7, "compute.instance.exists"},
	}
}

// flood measures each of the floods on the RabbitMQ at the address.
func flood(ctx context.Context, r *report, address string) error {
	config, err := broker.ParseTransportURL(address, nil)
	if err != nil {
		return err
	}
	conn, err := broker.Dial(ctx, config, "bench")
	if err != nil {
		return err
	}
	defer conn.Close()
	index := frombus.NewIndex(frombus.IndexConfig{Triggers: floodRecords{}})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go index.Keep(ctx)
	<-index.Loaded()
	for _, f := range floodings() {
		var floors, rates, floorCPU, cpu []float64
		for range floodRounds {
			if err := f.fill(ctx, conn, floodName, floodBare); err != nil {
				return err
			}
			rate, spent, err := floorOfFlood(ctx, conn)
			if err != nil {
				return err
			}
			floors, floorCPU = append(floors, rate), append(floorCPU, spent)
			if rate, spent, err = floodOfFeed(ctx, config, index); err != nil {
				return err
			}
			rates, cpu = append(rates, rate), append(cpu, spent)
		}
		r.add(floodFloor+", rate", middle(floors), "events/s", "")
		r.add(floodFloor+", CPU", middle(floorCPU), "µs/event", "")
		r.put(figure{"notifications " + f.what + ", rate", middle(rates), "events/s",
			r.share(middle(rates), []string{floodFloor + ", rate"}), floodTarget})
		r.put(figure{"notifications " + f.what + ", CPU", middle(cpu), "µs/event",
			r.times(middle(cpu), []string{floodFloor + ", CPU"}), ""})
	}
	return nil
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// fill publishes the messages, each to both queues, and returns when RabbitMQ has confirmed them
// all.
func (f flooding) fill(ctx context.Context, conn *amqp.Connection, queues ...string) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	err = ch.ExchangeDeclare(floodName, amqp.ExchangeTopic, false, true, false, false, nil)
	if err := errors.Join(err, ch.Confirm(false)); err != nil {
		return err
	}
	for _, queue := range queues {
		if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{
			"x-queue-type": "classic", "x-queue-mode": "lazy", "x-expires": time.Hour.Milliseconds(),
		}); err != nil {
			return err
		}
		if err := ch.QueueBind(queue, "notifications.info", floodName, false, nil); err != nil {
			return err
		}
	}
	var last *amqp.DeferredConfirmation
	for n := range floodMessages {
		last, err = ch.PublishWithDeferredConfirm(floodName, "notifications.info", false, false, amqp.Publishing{
			ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: f.message(n),
		})
		if err != nil {
			return err
		}
		if n%1000 == 999 {
			if _, err := last.WaitContext(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// floorOfFlood reads and acknowledges, as many at a time as the feed does.
func floorOfFlood(ctx context.Context, conn *amqp.Connection) (rate, cpu float64, err error) {
	ch, err := conn.Channel()
	if err != nil {
		return 0, 0, err
	}
	defer ch.Close()
	if err := ch.Qos(floodPrefetch, 0, false); err != nil {
		return 0, 0, err
	}
	begun, spent := time.Now(), cpuOfSelf()
	deliveries, err := ch.Consume(floodBare, "", false, false, false, false, nil)
	if err != nil {
		return 0, 0, err
	}
	for n := 1; n <= floodMessages; n++ {
		select {
		case d, ok := <-deliveries:
			if !ok {
				return 0, 0, errors.New("RabbitMQ has ended the bare consumer")
			}
			if n%(floodPrefetch/4) == 0 || n == floodMessages {
				if err := d.Ack(true); err != nil {
					return 0, 0, err
				}
			}
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
	rate, cpu = perEvent(begun, spent)
	return rate, cpu, nil
}

// floodOfFeed has a feed read them.
func floodOfFeed(
	ctx context.Context, config broker.Config, index *frombus.Index,
) (rate, cpu float64, err error) {
	var done atomic.Int64
	all := make(chan struct{})
	count := func() {
		if done.Add(1) == floodMessages {
			close(all)
		}
	}
	sifter := frombus.NewSifter(frombus.SifterConfig{Index: index, Taker: refusing(), Hidden: []string{"host",
		"node"}})
	feed, err := busfeed.New(busfeed.Config{
		Broker: config, Queue: floodName, Exchanges: []string{floodName}, Topics: []string{"notifications"},
		Log: slog.New(slog.DiscardHandler),
		Sift: func(body []byte) func(context.Context) error {
			bring := sifter.Sift(body)
			if bring == nil {
				count()
				return nil
			}
			return func(ctx context.Context) error {
				err := bring(ctx)
				if err == nil {
					count()
				}
				return err
			}
		},
	})
	if err != nil {
		return 0, 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	begun, spent := time.Now(), cpuOfSelf()
	go func() { feed.Run(ctx); close(ended) }()
	select {
	case <-all:
		rate, cpu = perEvent(begun, spent)
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop()
	<-ended
	return rate, cpu, err
}

// refuser takes events as far as their filter: all are refused by it.
type refuser struct{ filter *event.Filter }

func refusing() *refuser {
	f, err := event.ParseFilter([]byte(`[{"prefix": {"source": "/compute"}},
		{"sql": "type LIKE '%.exists' AND subject = 'x'"}]`))
	if err != nil {
		panic(err) // it is a constant
	}
	return &refuser{f}
}

// Take implements trigger.Taker.
func (k *refuser) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	wanted, err := k.filter.Match(e)
	if wanted || err != nil {
		return trigger.Taken{}, fmt.Errorf("the filter has let an event pass: %w", err)
	}
	return trigger.Taken{Outcome: trigger.Filtered}, nil
}

// floodRecords are the triggers.
type floodRecords struct{}

func floodProject(n int) string { return fmt.Sprintf("%032x", n+1) }

// TriggersOf implements frombus.Triggers.
func (floodRecords) TriggersOf(
	_ context.Context, source faas.TriggerSource, after string, limit int,
) (some []faas.Trigger, err error) {
	for n := range floodTriggers {
		id := fmt.Sprintf("%08d", n)
		if id <= after || len(some) == limit {
			continue
		}
		wants := fmt.Sprintf("volume.%d.*", n/floodProjects)
		if n/floodProjects == 3 {
			wants = "compute.instance.exi*"
		}
		some = append(some, faas.Trigger{ID: id, ProjectID: floodProject(n % floodProjects), Source: source,
			Status: faas.TriggerActive, Settings: `{"event_type": "` + wants + `"}`})
	}
	return some, nil
}

// Trigger implements frombus.Triggers.
func (floodRecords) Trigger(_ context.Context, _ faas.Scope, id string) (faas.Trigger, error) {
	return faas.Trigger{}, faas.Errorf(faas.NotFound, "there is no trigger %s", id)
}

// message is one of Nova's, as large as those are: some 3 KiB.
func (f flooding) message(n int) []byte {
	inner := fmt.Sprintf(floodForm, n, f.event, floodProject(f.project), n)
	inner = strings.ReplaceAll(strings.ReplaceAll(inner, `\`, `\\`), `"`, `\"`)
	return []byte(`{"oslo.version": "2.0", "oslo.message": "` + inner + `"}`)
}

const floodForm = `{"_context_user_id": "8d7e", "_context_project_id": "admin", "_context_is_admin": true, ` +
	`"_context_roles": ["admin", "member", "reader"], ` +
	`"_context_request_id": "req-5b6c791d-5709-4f36-8fbe-c3e02869e35d", ` +
	`"_context_user_name": "admin", "_context_project_name": "admin", ` +
	`"_context_timestamp": "2026-11-25T01:02:03.456789", ` +
	`"message_id": "0b4aafc3-54a2-4f3c-9a0e-%012d", "publisher_id": "compute.host-1", "event_type": "%s", ` +
	`"priority": "INFO", "payload": {"tenant_id": "%s", "user_id": "8d7e", ` +
	`"instance_id": "178b0921-8f85-4257-88b6-%012d", ` +
	`"display_name": "web-1 \u00e9t\u00e9", "reservation_id": "r-npxv0e40", "hostname": "web-1", ` +
	`"instance_type": "m1.small", "instance_type_id": 5, "architecture": "x86_64", ` +
	`"memory_mb": 2048, "disk_gb": 20, "vcpus": 1, "root_gb": 20, "ephemeral_gb": 0, "host": "host-1", ` +
	`"node": "host-1", ` +
	`"availability_zone": "nova", "cell_name": "", "created_at": "2026-11-25 01:02:03+00:00", "terminated_at": "", ` +
	`"deleted_at": "", "launched_at": "2026-11-25T01:02:03.000000", "image_ref_url": "http://glance/images/155d900f", ` +
	`"os_type": null, "kernel_id": "", "ramdisk_id": "", "state": "active", "state_description": "", ` +
	`"progress": "", ` +
	`"access_ip_v4": null, "access_ip_v6": null, ` +
	`"fixed_ips": [{"address": "192.0.2.3", "type": "fixed", "version": 4, ` +
	`"meta": {}, "label": "private", "vif_mac": "fa:16:3e:00:00:01"}], "image_meta": {"base_image_ref": "155d900f", ` +
	`"container_format": "bare", "disk_format": "qcow2", "min_disk": "20", "min_ram": "0", "os_distro": "debian"}, ` +
	`"metadata": {"role": "web", "tier": "front", "note": "said \"hello\""}, "old_state": "building", ` +
	`"old_task_state": "spawning", "new_task_state": null, "audit_period_beginning": "2026-11-25T01:00:00.000000", ` +
	`"audit_period_ending": "2026-11-25T01:02:03.456789", "bandwidth": {}}, ` +
	`"timestamp": "2026-11-25 01:02:03.456789", "_unique_id": "0b4aafc354a24f3c9a0e0f6bb0f5a600"}`

// cpuOfSelf is the CPU time that this process has used, which holds feed and bare consumer.
func cpuOfSelf() time.Duration {
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func perEvent(begun time.Time, spent time.Duration) (rate, micros float64) {
	return floodMessages / time.Since(begun).Seconds(),
		float64((cpuOfSelf() - spent).Nanoseconds()) / 1000 / floodMessages
}
