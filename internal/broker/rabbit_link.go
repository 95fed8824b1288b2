package broker

import (
	"context"
	"crypto/tls"
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

// closeWithin is how long a server may take to say goodbye.
const closeWithin = 2 * time.Second

// link keeps one connection to one of the hosts alive: when it breaks, another is made.
type link struct {
	purpose string // tells an operator which connection is which
	config  Config
	tls     *tls.Config
	log     *slog.Logger
	closing <-chan struct{} // the broker closes: nobody waits for a connection any more

	mu      sync.Mutex
	conn    *amqp.Connection // nil while there is none
	held    bool             // RabbitMQ has no room: it reads nothing from conn
	failure error            // why the last attempt failed
	changed chan struct{}    // closed when conn or held changes
}

func newLink(purpose string, c Config, t *tls.Config, closing <-chan struct{}) *link {
	return &link{
		purpose: purpose,
		config:  c,
		tls:     t,
		log:     c.Log.With("connection", purpose),
		closing: closing,
		changed: make(chan struct{}),
	}
}

// connection returns the live connection, and waits until ctx ends for one that RabbitMQ reads
// from.
func (l *link) connection(ctx context.Context) (*amqp.Connection, error) {
	for {
		l.mu.Lock()
		conn, held, changed := l.conn, l.held, l.changed
		l.mu.Unlock()
		if conn != nil && !held && !conn.IsClosed() {
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

// isHeld reports whether RabbitMQ reads nothing from the connection. What is written then fills the
// socket, and the writer waits longer than its caller may.
func (l *link) isHeld() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

// isLive reports whether there is a connection.
func (l *link) isLive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn != nil && !l.conn.IsClosed()
}

func (l *link) set(conn *amqp.Connection, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.held = conn, held
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *link) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
}

// run connects, and connects again, until ctx ends. It begins at a random host, so that services
// spread over a cluster.
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
		l.attend(ctx, conn, host)
		if time.Since(since) > l.config.RetryInterval {
			tried = -1 // it was a good connection: try all hosts once without a pause
		}
	}
}

// attend lends the connection out for as long as it lives.
func (l *link) attend(ctx context.Context, conn *amqp.Connection, host Host) {
	log := l.log.With("host", host.Address)
	lost, blocked := conn.NotifyClose(make(chan *amqp.Error, 1)), conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	log.Info("connected to RabbitMQ")
	l.set(conn, false)
	defer func() {
		l.set(nil, false)
		_ = conn.CloseDeadline(time.Now().Add(closeWithin))
	}()
	for {
		select {
		case b, ok := <-blocked:
			if !ok {
				blocked = nil
				continue
			}
			if b.Active {
				l.failed(fmt.Errorf("RabbitMQ takes no messages: %s", b.Reason))
				log.Warn("RabbitMQ takes no messages", "reason", b.Reason)
			} else {
				log.Info("RabbitMQ takes messages again")
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

// retryPause grows by the backoff to the maximum. It is spread by half in both directions, so that
// services that lost the same server do not come back as one.
func (c Config) retryPause(round int) time.Duration {
	d := min(c.RetryInterval+time.Duration(round)*c.RetryBackoff, c.RetryMax)
	return d/2 + rand.N(d+1)
}

// dial connects to one host. The credentials travel in the config, not in the URL, so that no error
// can repeat them.
func (l *link) dial(ctx context.Context, host Host) (*amqp.Connection, error) {
	scheme := "amqp://"
	if l.tls != nil {
		scheme = "amqps://"
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(l.config.Prefix + " " + l.purpose)
	var raw net.Conn
	giveUp := func() bool { return true }
	defer func() { giveUp() }() // from here on ctx ends the connection with a goodbye
	conn, err := amqp.DialConfig(scheme+host.Address, amqp.Config{
		SASL:            []amqp.Authentication{&amqp.PlainAuth{Username: host.User, Password: host.Password.Reveal()}},
		Vhost:           l.config.VHost,
		Heartbeat:       l.config.Heartbeat,
		TLSClientConfig: l.tls.Clone(), // the library writes the server's name into it
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
	return &impatientConn{conn, l.config.Heartbeat}, nil
}

// impatientConn lets no write wait longer than a silent peer may take: the library would wait for
// the kernel to give up, for a quarter of an hour.
type impatientConn struct {
	net.Conn
	patience time.Duration
}

func (c *impatientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// unavailable is what a caller sees of a broken bus; the cause is for the log.
func unavailable(cause error) error {
	if cause == nil || errors.Is(cause, ErrClosed) {
		return cause
	}
	if faas.KindOf(cause) == faas.Unavailable {
		return cause
	}
	return faas.Errorf(faas.Unavailable, "The message bus is not available.").WithCause(cause)
}
