package kubernetes

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"k8s.io/client-go/rest"
)

// bell is a way to the API server that no other request goes, so that none keeps it busy.
type bell struct {
	http *http.Client
	url  string // of what is asked
}

func newBell(cfg Config) (*bell, error) {
	access, err := restConfig(cfg)
	if err != nil {
		return nil, err
	}
	access.UserAgent = "openstack-faas"
	access.Dial = (&net.Dialer{}).DialContext // one of its own: equal configurations share a transport
	client, err := rest.HTTPClientFor(access)
	if err != nil {
		return nil, err
	}
	server, _, err := rest.DefaultServerUrlFor(access)
	if err != nil {
		return nil, err
	}
	return &bell{http: client, url: server.JoinPath("readyz").String()}, nil
}

// Answers asks the API server whether it can do its work. That it refuses to say so is an answer:
// it may let only its administrators ask.
func (b *bell) Answers(ctx context.Context) error {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, http.NoBody)
	if err != nil {
		return fmt.Errorf("kubernetes: %w", err)
	}
	answer, err := b.http.Do(ask)
	if err != nil {
		// The connection may be to a server that is no more: the next is to be another.
		b.http.CloseIdleConnections()
		return fmt.Errorf("kubernetes: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // so that the connection can be used again
	if answer.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("kubernetes: the API server is not ready: %s", answer.Status)
	}
	return nil
}
