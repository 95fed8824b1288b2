package busfeed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/openstack-faas/faas/internal/faas"
)

// heard remembers which messages were done with, and how often.
type heard struct {
	mu    sync.Mutex
	times map[string]int
	does  func(body string) error // nil: everything works
}

func newHeard(does func(string) error) *heard { return &heard{times: map[string]int{}, does: does} }

// sift has nothing done for what begins with "x".
func (h *heard) sift(body []byte) func(context.Context) error {
	text := string(body)
	if strings.HasPrefix(text, "x") {
		h.add(text)
		return nil
	}
	return func(context.Context) error {
		if h.does != nil {
			if err := h.does(text); err != nil {
				return err
			}
		}
		h.add(text)
		return nil
	}
}

func (h *heard) add(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.times[text]++
}

func (h *heard) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.times)
}

func (h *heard) has(texts ...string) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, text := range texts {
			if h.times[text] == 0 {
				return false
			}
		}
		return true
	}
}

func (h *heard) config(t testing.TB, url, exchange string) Config {
	t.Helper()
	return Config{
		Broker: parse(t, url), Queue: exchange + ".feed", Exchanges: []string{exchange},
		Topics: []string{"notifications"},
		Sift:   h.sift, Rebind: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		postponed: 100 * time.Millisecond,
	}
}

// waiting returns how many messages of the queue RabbitMQ keeps, those that are delivered and not
// acknowledged included: it is asked when the feed has ended.
func waiting(t testing.TB, queue string) int {
	t.Helper()
	q, err := open(t).QueueDeclarePassive(queue, true, false, false, false, nil)
	must(t, err)
	return q.Messages
}

// TestFeed has every priority that is listened to be heard, of each topic, and acknowledged.
func TestFeed(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, true), newHeard(nil)
	cfg := h.config(t, server(t).URL(), name)
	cfg.Topics = []string{"notifications", "versioned_notifications"}
	f, stop := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))
	for _, topic := range cfg.Topics {
		for _, priority := range []string{"info", "warn", "error", "critical", "audit", "sample", "debug"} {
			s.say(t, topic+"."+priority, topic+priority, "x"+topic+priority)
		}
	}
	s.say(t, "another.info", "another")
	s.say(t, "notifications.info", "last")
	until(t, "the last is heard", h.has("last"))
	until(t, "all are heard", func() bool { return h.count() >= 21 })
	stop()
	if n := h.count(); n != 21 || h.times["another"] > 0 || h.times["notificationssample"] > 0 {
		t.Errorf("%d were heard: %v", n, h.times)
	}
	if n := waiting(t, cfg.Queue); n > 0 {
		t.Errorf("%d messages are not acknowledged", n)
	}
}

// TestLateExchange has an exchange appear after the feed, vanish, and come again with other flags.
func TestLateExchange(t *testing.T) {
	name := unique(t)
	h := newHeard(nil)
	there := newService(t, name+"-there", true)
	cfg := h.config(t, server(t).URL(), name)
	cfg.Exchanges = append(cfg.Exchanges, there.exchange)
	f, _ := run(t, cfg)
	until(t, "the one exchange is bound", bound(f, 1))
	there.say(t, "notifications.info", "there") // one that is missing keeps from no other

	s := newService(t, name, false)
	until(t, "both are bound", bound(f, 2))
	s.say(t, "notifications.info", "not durable")
	must(t, s.ExchangeDelete(name, false, false))
	until(t, "one is missed", bound(f, 1))
	must(t, s.ExchangeDeclare(name, "topic", true, true, false, false, amqp.Table{"alternate-exchange": "none"}))
	until(t, "both are bound again", bound(f, 2))
	s.say(t, "notifications.info", "durable, deleted when unused")
	until(t, "all are heard", h.has("there", "not durable", "durable, deleted when unused"))
}

// TestRestart kills RabbitMQ: what was in the queue is read afterwards, and an exchange that is not
// durable is bound again as soon as its service has declared it.
func TestRestart(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, false), newHeard(nil)
	block := make(chan struct{})
	h.does = func(string) error { <-block; return nil }
	f, _ := run(t, h.config(t, server(t).URL(), name))
	until(t, "the exchange is bound", bound(f, 1))
	s.say(t, "notifications.info", "before", "xbefore")
	server(t).Kill()
	must(t, server(t).Start(within(t)))
	close(block)
	s = newService(t, name, false)
	until(t, "the messages from before are heard", h.has("before", "xbefore"))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; !h.has("after")(); i++ { // it is bound again some time
		s.say(t, "notifications.info", "after")
		<-tick.C
	}
}

// TestForeignQueue has a queue with other bounds than are configured be used as it is.
func TestForeignQueue(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, true), newHeard(nil)
	cfg := h.config(t, server(t).URL(), name)
	_, err := s.QueueDeclare(cfg.Queue, true, false, false, false, amqp.Table{"x-max-length": 17})
	must(t, err)
	f, _ := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))
	s.say(t, "notifications.info", "one")
	until(t, "it is heard", h.has("one"))
}

// TestOverflow has nobody read: the queue stays within its bytes, refuses nothing, and keeps the
// newest.
func TestOverflow(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, true), newHeard(nil)
	cfg := h.config(t, server(t).URL(), name)
	cfg.MaxBytes = 100 << 10
	f, stop := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))
	stop()
	var all []string
	for i := range 1000 {
		all = append(all, fmt.Sprintf("x%04d%s", i, strings.Repeat("-", 1019)))
	}
	s.say(t, "notifications.info", all...) // each is confirmed
	if n := waiting(t, cfg.Queue); n == 0 || n > 100 {
		t.Errorf("%d messages of 1 KiB wait in 100 KiB", n)
	}
	run(t, cfg)
	until(t, "the newest is heard", h.has(all[999]))
	if h.has(all[0])() {
		t.Error("the oldest was kept")
	}
}

// TestCutInStream breaks the connection again and again. Every message is done with, one that was
// done with and not acknowledged twice.
func TestCutInStream(t *testing.T) {
	name := unique(t)
	p, s, h := startProxy(t), newService(t, name, true), newHeard(nil)
	f, _ := run(t, h.config(t, p.url(t), name))
	until(t, "the exchange is bound", bound(f, 1))
	var all []string
	for i := range 2000 {
		kind := "x"
		if i%10 == 0 {
			kind = "wanted"
		}
		all = append(all, fmt.Sprint(kind, i))
	}
	for part := range 4 {
		some := all[part*500 : (part+1)*500]
		s.say(t, "notifications.info", some...)
		until(t, "some are heard", h.has(some[0]))
		p.cut()
	}
	until(t, "all are heard", h.has(all...))
}

// TestKilledBetween kills a process that has done with a message and not acknowledged it. Another
// gets that message again, and those that were waiting.
func TestKilledBetween(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, true), newHeard(nil)
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(within(t), self)
	cmd.Env = append(os.Environ(), victimURL+"="+server(t).URL(), victimExchange+"="+name)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer func() { _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the other process says %q, want %q", lines.Text(), want)
		}
	}
	next("bound")
	s.say(t, "notifications.info", "first", "second")
	next("did first")
	must(t, cmd.Process.Kill())
	run(t, h.config(t, server(t).URL(), name))
	until(t, "both come again", h.has("first", "second"))
}

// What the process of TestKilledBetween is told.
const (
	victimURL      = "FAAS_TEST_VICTIM_URL"
	victimExchange = "FAAS_TEST_VICTIM_EXCHANGE"
)

// victim does what there is to do for a message, says so, and never comes to acknowledge it.
func victim(url string) {
	var t testing.T
	h := newHeard(nil)
	cfg := h.config(&t, url, os.Getenv(victimExchange))
	cfg.Parallel = 1
	cfg.Sift = func(body []byte) func(context.Context) error {
		return func(ctx context.Context) error {
			fmt.Println("did " + string(body))
			<-ctx.Done()
			return nil
		}
	}
	f, err := New(cfg)
	if err != nil {
		panic(err)
	}
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for !bound(f, 1)() {
			<-tick.C
		}
		fmt.Println("bound")
	}()
	f.Run(context.Background())
}

// TestCompeting has two engines read one queue: each message goes to one of them.
func TestCompeting(t *testing.T) {
	name := unique(t)
	s, a, b := newService(t, name, true), newHeard(nil), newHeard(nil)
	one, _ := run(t, a.config(t, server(t).URL(), name))
	two, _ := run(t, b.config(t, server(t).URL(), name))
	until(t, "both are bound", func() bool { return bound(one, 1)() && bound(two, 1)() })
	var all []string
	for i := range 2000 {
		all = append(all, fmt.Sprint("x", i))
	}
	s.say(t, "notifications.info", all...)
	until(t, "all are heard", func() bool { return a.count()+b.count() == len(all) })
	if a.count() == 0 || b.count() == 0 {
		t.Errorf("they heard %d and %d", a.count(), b.count())
	}
}

// TestPutOff has what there is no room for come again without holding up what is behind it, and be
// given up in the end.
func TestPutOff(t *testing.T) {
	name := unique(t)
	var tries atomic.Int64
	h := newHeard(func(body string) error {
		switch body {
		case "full for a while":
			if tries.Add(1) <= 3 {
				return faas.Errorf(faas.OverQuota, "no room")
			}
		case "never":
			return errors.New("it cannot be")
		}
		return nil
	})
	s := newService(t, name, true)
	cfg := h.config(t, server(t).URL(), name)
	cfg.Parallel = 1
	f, stop := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))
	s.say(t, "notifications.info", "never", "full for a while", "behind")
	until(t, "what is behind and what had no room are heard", h.has("behind", "full for a while"))
	until(t, "the hopeless one is given up", func() bool {
		return counted(t, f,
			"faas_notifications_given_up_total") == 1
	})
	stop()
	for _, queue := range []string{cfg.Queue, cfg.Queue + ".later"} {
		if n := waiting(t, queue); n > 0 {
			t.Errorf("%d messages are left in %s", n, queue)
		}
	}
	if n := counted(t, f, "faas_notifications_postponed_total"); n != 3+mostTimes {
		t.Errorf("messages were put off %v times", n)
	}
}

// TestAway has a message wait while what it needs is away, and the others pass.
func TestAway(t *testing.T) {
	name := unique(t)
	var away atomic.Bool
	away.Store(true)
	h := newHeard(func(string) error {
		if away.Load() {
			return faas.Errorf(faas.Unavailable, "no database")
		}
		return nil
	})
	s := newService(t, name, true)
	f, _ := run(t, h.config(t, server(t).URL(), name))
	until(t, "the exchange is bound", bound(f, 1))
	s.say(t, "notifications.info", "wanted", "x1", "x2")
	until(t, "the others are heard", h.has("x1", "x2"))
	if h.has("wanted")() {
		t.Error("it was done without a database")
	}
	away.Store(false)
	until(t, "it is heard", h.has("wanted"))
}

// TestNotReady has nothing read before it is known what is wanted.
func TestNotReady(t *testing.T) {
	name := unique(t)
	s, h := newService(t, name, true), newHeard(nil)
	cfg := h.config(t, server(t).URL(), name)
	first, stop := run(t, cfg) // makes the queue
	until(t, "the exchange is bound", bound(first, 1))
	stop()
	s.say(t, "notifications.info", "x1")
	ready := make(chan struct{})
	cfg.Ready = ready
	run(t, cfg)
	if n := waiting(t, cfg.Queue); n != 1 || h.count() > 0 {
		t.Errorf("%d messages wait, %d were read", n, h.count())
	}
	close(ready)
	until(t, "it is heard", h.has("x1"))
}

// TestPermissions has the rights that the manual names be enough, and the lack of one on an
// exchange keep from no other.
func TestPermissions(t *testing.T) {
	name := "perm" + fmt.Sprint(time.Now().UnixNano())
	mine, theirs, h := newService(t, name, true), newService(t, name+"-other", true),
		newHeard(func(body string) error {
			if body == "full" {
				return faas.Errorf(faas.Busy, "no room")
			}
			return nil
		})
	url, err := server(t).AddUser(within(t), name, `^faas\.`, `^(faas\.|amq\.default$)`, `^(faas\.|`+name+`$)`)
	must(t, err)
	cfg := h.config(t, url, name)
	cfg.Queue = "faas." + name
	cfg.Exchanges = []string{theirs.exchange, mine.exchange}
	f, _ := run(t, cfg)
	until(t, "the one that may be read is bound", bound(f, 1))
	theirs.say(t, "notifications.info", "xtheirs")
	mine.say(t, "notifications.info", "full", "xmine")
	until(t, "it is heard", h.has("xmine"))
	until(t, "what has no room is put off", func() bool {
		return counted(t, f,
			"faas_notifications_postponed_total") > 1
	})
	if h.has("xtheirs")() {
		t.Error("an exchange is heard that may not be read")
	}
}
