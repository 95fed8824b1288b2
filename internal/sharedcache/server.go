package sharedcache

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

const (
	// perServer is how many connections a process has to one memcached at most. By default memcached
	// takes 1024 of all processes together, and closes further ones: enough for 250 processes.
	perServer = 4
	// pause is how long a server is not asked after it failed.
	pause = 5 * time.Second
)

// server is one memcached, which is left alone for a while when it does not answer.
type server struct {
	client  *memcache.Client
	address string
	timeout time.Duration
	places  chan struct{} // holds a token for each request under way
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	failing bool
	next    time.Time // when failing: no request before
}

func newServer(address string, cfg Config) *server {
	s := &server{
		address: address, client: memcache.NewFromSelector(only(address)), timeout: cfg.Timeout,
		places: make(chan struct{}, perServer), now: cfg.Now, log: cfg.Log,
	}
	s.client.Timeout, s.client.MaxIdleConns = cfg.Timeout, perServer
	return s
}

var (
	// errAway says that a server is not asked, since it failed a moment ago.
	errAway = errors.New("memcached did not answer a moment ago")
	// errBusy says that all connections were in use for as long as a request may take.
	errBusy = errors.New("too many requests to memcached at a time")
)

// do sends a request, unless the server failed a moment ago.
func (s *server) do(request func(*memcache.Client) error) error {
	if !s.enter() {
		return errAway
	}
	select {
	case s.places <- struct{}{}:
	default:
		timer := time.NewTimer(s.timeout)
		defer timer.Stop()
		select {
		case s.places <- struct{}{}:
		case <-timer.C:
			return errBusy
		}
	}
	defer func() { <-s.places }()
	err := request(s.client)
	if outcomeOf(err) == failed && !timedOut(err) {
		// Connections that were idle while the server was restarted fail, each once.
		_ = s.client.Close() // those; it may still be used
		err = request(s.client)
	}
	if outcomeOf(err) == failed {
		s.failed(err)
	} else {
		s.worked()
	}
	return err
}

func timedOut(err error) bool {
	var net net.Error
	var connect *memcache.ConnectTimeoutError
	return errors.As(err, &connect) || errors.As(err, &net) && net.Timeout()
}

// enter reports whether a request may be sent. While the server fails, one each pause is.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.failing {
		return true
	}
	now := s.now()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(pause)
	return true
}

func (s *server) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.failing
	s.failing, s.next = true, s.now().Add(pause)
	if first {
		s.log.Warn("memcached does not answer; each process gets its tokens by itself until it does",
			"server", s.address, "error", err)
	}
}

func (s *server) worked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		s.failing = false
		s.log.Info("memcached answers again", "server", s.address)
	}
}

// answers reports whether the last request was answered.
func (s *server) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.failing
}

// only is an address that is looked up at each connection: a server may get another.
type only string

// PickServer implements memcache.ServerSelector.
func (o only) PickServer(string) (net.Addr, error) { return o, nil }

// Each implements memcache.ServerSelector.
func (o only) Each(f func(net.Addr) error) error { return f(o) }

// Network implements net.Addr.
func (o only) Network() string { return "tcp" }

// String implements net.Addr.
func (o only) String() string { return string(o) }
