package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	amqp "github.com/rabbitmq/amqp091-go"
)

// closeTimeout bounds how long RabbitMQ may take to answer the close of a connection.
const closeTimeout = 2 * time.Second

// link keeps one connection to one of the hosts alive: when it breaks, run makes another, to the
// next host. Users take the connection of the moment with connection, and come again when a call on
// it fails; changed lets them wait without polling.
type link struct {
	purpose string // publishing or consuming, for operators: in logs and in RabbitMQ's list of connections
	config  Config
	log     *slog.Logger
	closing <-chan struct{} // closed with the broker, which ends all waiting

	mu      sync.Mutex
	conn    *amqp.Connection // nil while there is none
	blocked bool             // RabbitMQ is out of memory or disk, and reads nothing from conn
	failure error            // why the last attempt failed
	changed chan struct{}    // closed when conn or blocked changes
}

func newLink(purpose string, c Config, closing <-chan struct{}) *link {
	return &link{
		purpose: purpose,
		config:  c,
		log:     c.Log.With("connection", purpose),
		closing: closing,
		changed: make(chan struct{}),
	}
}

// connection returns the live connection. It waits until ctx ends for one that is not blocked.
func (l *link) connection(ctx context.Context) (*amqp.Connection, error) {
	for {
		l.mu.Lock()
		conn, blocked, changed := l.conn, l.blocked, l.changed
		l.mu.Unlock()
		if conn != nil && !blocked && !conn.IsClosed() {
			return conn, nil
		}
		select {
		case <-changed:
		case <-l.closing:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, unavailable(errors.Join(ctx.Err(), l.lastFailure()))
		}
	}
}

func (l *link) lastFailure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// isBlocked reports whether RabbitMQ has blocked the connection. What is written then fills the
// socket's buffer, and the next write waits for longer than its caller may.
func (l *link) isBlocked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked
}

// isLive reports whether there is a connection.
func (l *link) isLive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil && !l.conn.IsClosed()
}

func (l *link) set(conn *amqp.Connection, blocked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.blocked = conn, blocked
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *link) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
}

// run connects, and connects again, until ctx ends. It begins at a random host, so that processes
// spread over a cluster. Only after all hosts failed in turn does it pause.
func (l *link) run(ctx context.Context) {
	hosts := l.config.Hosts
	next := rand.IntN(len(hosts))
	for tried := 0; ctx.Err() == nil; tried, next = tried+1, next+1 {
		if tried > 0 && tried%len(hosts) == 0 {
			pause(ctx, l.config.retryPause(tried/len(hosts)-1))
		}
		host := hosts[next%len(hosts)]
		conn, err := l.dial(ctx, host)
		if err != nil {
			if ctx.Err() == nil {
				l.failed(err)
				l.log.Warn("RabbitMQ cannot be reached", "host", host.Address, "error", err)
			}
			continue
		}
		since := time.Now()
		l.lend(ctx, conn, host)
		if time.Since(since) > l.config.RetryInterval {
			tried = -1 // it was a good connection: try all hosts once without a pause
		}
	}
}

// lend lets users have the connection until it ends.
func (l *link) lend(ctx context.Context, conn *amqp.Connection, host Host) {
	log := l.log.With("host", host.Address)
	lost, blocked := conn.NotifyClose(make(chan *amqp.Error, 1)), conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	log.Info("connected to RabbitMQ")
	l.set(conn, false)
	defer func() {
		l.set(nil, false)
		_ = conn.CloseDeadline(time.Now().Add(closeTimeout))
	}()
	for {
		select {
		case b, ok := <-blocked:
			if !ok {
				blocked = nil
				continue
			}
			if b.Active {
				l.failed(fmt.Errorf("RabbitMQ has blocked the connection: %s", b.Reason))
				log.Warn(
					"RabbitMQ has blocked the connection; nothing is published until it has memory and disk space again", "reason",
					b.Reason,
				)
			} else {
				log.Info("RabbitMQ has unblocked the connection")
			}
			l.set(conn, b.Active)
		case err := <-lost:
			l.failed(errors.New("the connection was lost"))
			log.Warn("lost the connection to RabbitMQ", "error", err)
			return
		case <-ctx.Done():
			return
		}
	}
}

// retryPause returns a pause that grows by the backoff up to the maximum. It is drawn from half to
// one and a half of that, so that processes that lost the same server do not all come back at once.
func (c Config) retryPause(round int) time.Duration {
	d := min(c.RetryInterval+time.Duration(round)*c.RetryBackoff, c.RetryMax)
	return d/2 + rand.N(d+1)
}

// dial connects to one host. The credentials travel in the config, not in the URL, so that no error
// can repeat them.
func (l *link) dial(ctx context.Context, host Host) (*amqp.Connection, error) {
	t, err := l.config.tls()
	if err != nil {
		return nil, err
	}
	scheme := "amqp://"
	if t != nil {
		scheme = "amqps://"
	}
	asked := noteAsked(t)
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(l.config.Prefix + " " + l.purpose)
	var raw net.Conn
	giveUp := func() bool { return true }
	defer func() { giveUp() }() // once it is open, ctx ends the connection by a proper close
	conn, err := amqp.DialConfig(scheme+host.Address, amqp.Config{
		SASL:            []amqp.Authentication{&amqp.PlainAuth{Username: host.User, Password: host.Password.Reveal()}},
		Vhost:           l.config.VHost,
		Heartbeat:       l.config.Heartbeat,
		TLSClientConfig: t, // the library adds the name that the server's certificate must have
		Properties:      properties,
		Dial: func(network, address string) (_ net.Conn, err error) {
			if raw, err = l.open(ctx, network, address); err == nil {
				giveUp = context.AfterFunc(ctx, func() { raw.Close() })
			}
			return raw, err
		},
	})
	if err != nil && raw != nil {
		raw.Close()
	}
	if err != nil && ctx.Err() == nil {
		err = l.config.explain(err, *asked)
	}
	return conn, err
}

func (l *link) open(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: l.config.Heartbeat}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	// The handshakes of TLS and AMQP run under this deadline; the library lifts it after them.
	if err := conn.SetDeadline(time.Now().Add(l.config.Heartbeat)); err != nil {
		conn.Close()
		return nil, err
	}
	return &timedConn{conn, l.config.Heartbeat}, nil
}

// timedConn is a connection whose writes fail after the heartbeat timeout. Without it, a write to a
// dead peer would wait for the kernel to give up, for a quarter of an hour, and block all users of
// the connection.
type timedConn struct {
	net.Conn
	timeout time.Duration
}

func (c *timedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// unavailable returns the error that callers see while RabbitMQ cannot be used; the cause is for
// the log.
func unavailable(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return cause
	}
	if faas.KindOf(cause) == faas.Unavailable {
		return cause
	}
	return faas.Errorf(faas.Unavailable, "The message bus is not available.").WithCause(cause)
}
