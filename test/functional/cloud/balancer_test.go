package cloud

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// balancer is a load balancer as operators configure them: each request goes to the next API whose
// /healthcheck says 200, and to another only if no connection could be made. What was sent once is
// never sent again.
type balancer struct {
	transport *http.Transport
	backends  []*backend
	next      atomic.Uint64
	stop      chan struct{}
	checks    sync.WaitGroup
}

type backend struct {
	url  *url.URL
	down atomic.Bool
}

const checkEvery = 100 * time.Millisecond

func newBalancer(endpoints []string) *balancer {
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 600}, stop: make(chan struct{})}
	for _, e := range endpoints {
		u, err := url.Parse(e)
		if err != nil {
			panic(err) // .cloud/env is ours
		}
		one := &backend{url: u}
		b.backends = append(b.backends, one)
		b.checks.Go(func() { b.check(one) })
	}
	return b
}

func (b *balancer) close() {
	close(b.stop)
	b.checks.Wait()
	b.transport.CloseIdleConnections()
}

func (b *balancer) check(one *backend) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 3 * time.Second}
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
		}
		answer, err := client.Get(one.url.String() + "/healthcheck") //nolint:noctx // bounded by the client's timeout
		one.down.Store(err != nil || answer.StatusCode != http.StatusOK)
		if err == nil {
			answer.Body.Close()
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	first := b.next.Add(1)
	var failed error
	for _, healthy := range []bool{true, false} { // those that are down are tried when nobody is up: the check may be late
		for i := range b.backends {
			one := b.backends[(first+uint64(i))%uint64(len(b.backends))]
			if one.down.Load() == healthy {
				continue
			}
			answer, err := b.send(r, one)
			var op *net.OpError
			if err == nil || !errors.As(err, &op) || op.Op != "dial" {
				return answer, err
			}
			failed = err
		}
	}
	return nil, fmt.Errorf("no API can be reached: %w", failed)
}

func (b *balancer) send(r *http.Request, one *backend) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.URL.Scheme, sent.URL.Host, sent.Host = one.url.Scheme, one.url.Host, ""
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		sent.Body = body
	}
	return b.transport.RoundTrip(sent)
}
