package triggertest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"
)

// Delivery is a request that a service made to a subscriber.
type Delivery struct {
	Path   string // with the query
	Header http.Header
	Body   []byte
	At     time.Time
}

// Subscriber is a bare HTTP server that answers 200 at once: the floor of every source that
// delivers by HTTP.
type Subscriber struct {
	URL        string
	Deliveries chan Delivery // room for what a test does not read
	server     *httptest.Server
}

// NewSubscriber starts one at an address of this machine that is reached from the one given, where
// OpenStack's services are.
func NewSubscriber(from string) (*Subscriber, error) {
	conn, err := net.Dial("udp", net.JoinHostPort(from, "9")) // sends nothing: it tells this side's address
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	_ = conn.Close()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return nil, err
	}
	s := &Subscriber{Deliveries: make(chan Delivery, 4096)}
	s.server = &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: http.HandlerFunc(s.take), ReadHeaderTimeout: time.Minute,
	}}
	s.server.Start()
	s.URL = s.server.URL
	return s, nil
}

func (s *Subscriber) take(_ http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	select {
	case s.Deliveries <- Delivery{Path: r.URL.RequestURI(), Header: r.Header, Body: body, At: at}:
	default: // nobody reads
	}
}

// Close ends it.
func (s *Subscriber) Close() { s.server.Close() }
