package broker

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Config says where RabbitMQ is and how to connect to it. ParseTransportURL makes one from the
// options that operators set. A zero duration or number stands for the default that its field
// names.
type Config struct {
	Hosts []Host // tried in turn, from a random one on
	VHost string // "/" when empty

	// SSL is to speak TLS and to verify the server's certificate. The files are PEM, and are read for
	// each connection: what has been renewed is used by the next.
	SSL      bool
	CAFile   string // certificates that may sign the server's; the system's when empty
	CertFile string // this client's certificate, when the server requires one
	KeyFile  string // its key; in CertFile when empty

	// Heartbeat is how long a peer may be silent before it counts as dead: 20 s, at least 1 s.
	// Ownership of a shard whose owner's machine is cut off moves after two to three times as long.
	Heartbeat     time.Duration
	RetryInterval time.Duration // pause after every host has been tried: 1 s
	RetryBackoff  time.Duration // what each further pause adds: 2 s
	RetryMax      time.Duration // the longest pause: 30 s

	Prefix         string        // of every queue and exchange: "faas"
	RedeliverAfter time.Duration // pause before a message whose handler failed comes again: 1 s
	// how often a message's handler may fail, Busy and Unavailable apart, before it is put aside as
	// dead: 20
	Attempts int

	Log *slog.Logger // slog.Default() when nil

	tokenKept time.Duration // how long the owner of a shard keeps a token: ten minutes; tests set less
}

// Host is one server of a cluster, and the credentials for it.
type Host struct {
	Address  string // host:port
	User     string
	Password Secret
}

// Secret is a text that no formatting prints: %v, %#v and JSON encoders show stars.
type Secret struct{ reveal func() string }

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{func() string { return text }} }

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String returns stars.
func (Secret) String() string { return "***" }

// GoString returns stars.
func (Secret) GoString() string { return "***" }

// MarshalText returns stars.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// what a Config's zero values stand for.
const (
	defaultHeartbeat     = 20 * time.Second
	defaultRetryInterval = time.Second
	defaultRetryBackoff  = 2 * time.Second
	defaultRetryMax      = 30 * time.Second
	defaultPrefix        = "faas"
	defaultAttempts      = 20
)

// orDefault replaces a zero value.
func orDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// complete checks the config and fills in the defaults.
func (c Config) complete() (Config, error) {
	if len(c.Hosts) == 0 {
		return c, errors.New("transport_url: at least one host is needed")
	}
	for _, h := range c.Hosts {
		if _, _, err := net.SplitHostPort(h.Address); err != nil {
			return c, errors.New("transport_url: a host must be host:port")
		}
	}
	if c.Attempts < 0 || c.Heartbeat < 0 || c.RetryInterval < 0 || c.RetryBackoff < 0 || c.RetryMax < 0 ||
		c.RedeliverAfter < 0 {
		return c, errors.New("oslo_messaging_rabbit: no pause or number may be negative")
	}
	orDefault(&c.VHost, "/")
	orDefault(&c.Heartbeat, defaultHeartbeat)
	orDefault(&c.RetryInterval, defaultRetryInterval)
	orDefault(&c.RetryBackoff, defaultRetryBackoff)
	orDefault(&c.RetryMax, defaultRetryMax)
	orDefault(&c.Prefix, defaultPrefix)
	orDefault(&c.RedeliverAfter, redeliverAfter)
	orDefault(&c.Attempts, defaultAttempts)
	orDefault(&c.Log, slog.Default())
	orDefault(&c.tokenKept, tokenKept)
	c.Heartbeat = max(c.Heartbeat, time.Second) // the protocol counts whole seconds
	return c, nil
}
