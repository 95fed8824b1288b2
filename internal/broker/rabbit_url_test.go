package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
)

func TestParseTransportURL(t *testing.T) {
	type want struct {
		hosts, vhost, ca string
		ssl              bool
		heartbeat        time.Duration
	}
	for url, w := range map[string]want{
		"rabbit://u:p@h1:5673,u:q@h2/v":                             {hosts: "u:p@h1:5673 u:q@h2:5672", vhost: "v"},
		"rabbit://u:p@h":                                            {hosts: "u:p@h:5672"},
		"rabbit://h/":                                               {hosts: "guest:guest@h:5672"},
		"kombu://u:p%40s%2Fs%3A@h/%2Fv":                             {hosts: "u:p@s/s:@h:5672", vhost: "/v"},
		"rabbit://u:p:p@[::1]:1,u:p@[fe80::1]/":                     {hosts: "u:p:p@[::1]:1 u:p@[fe80::1]:5672"},
		"rabbit://u:p@h/?ssl=1&ssl_ca_file=/a&unknown=x":            {hosts: "u:p@h:5671", ssl: true, ca: "/a"},
		"rabbit://u:p@h?ssl=true":                                   {hosts: "u:p@h:5671", ssl: true},
		"rabbit://u:p@h/?heartbeat_timeout_threshold=7":             {hosts: "u:p@h:5672", heartbeat: 7 * time.Second},
		"rabbit://u:@h:1/v?heartbeat_timeout_threshold=0&ssl=False": {hosts: "u:@h:1", vhost: "v"},
	} {
		c, err := broker.ParseTransportURL(
			url,
			map[string]string{"heartbeat_timeout_threshold": "3", "rabbit_retry_backoff": "1.5", "rabbit_quorum_queue": "true"},
		)
		must(t, err)
		var hosts []string
		for _, h := range c.Hosts {
			hosts = append(hosts, h.User+":"+h.Password.Reveal()+"@"+h.Address)
		}
		got := want{strings.Join(hosts, " "), c.VHost, c.CAFile, c.SSL, c.Heartbeat}
		if !strings.Contains(url, "heartbeat") {
			w.heartbeat = 3 * time.Second // of the section: the URL says nothing
		}
		if got != w || c.RetryBackoff != 1500*time.Millisecond {
			t.Errorf("%s: got %+v, want %+v", url, got, w)
		}
	}
}

func TestParseTransportURLRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "hunter2", "http://u:hunter2@h", "rabbit://", "rabbit://u:hunter2@", "rabbit://u:hunter2@h:0", "rabbit://u:hunter2@h:99999",
		"rabbit://u:hunter2@h:x", "rabbit://u:hunter2@h,h2", "rabbit://u:hunter2%zz@h", "rabbit://:hunter2@h", "rabbit://u:hunter2@h/%zz", "rabbit://u:hunter2@h/?%zz",
		"rabbit://u:hunter2@h?ssl=perhaps", "rabbit://u:hunter2@h?heartbeat_timeout_threshold=-1", "rabbit://u:hunter2@h?rabbit_retry_interval=NaN",
		"rabbit://u:hunter2@h?rabbit_retry_backoff=1e9", "rabbit://u:hun/ter2@h", "rabbit://u:hunter2@[::1", "rabbit://u:hunter2@h,",
	} {
		_, err := broker.ParseTransportURL(bad, nil)
		if err == nil {
			t.Errorf("%s is taken", bad)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error tells the password: %v", bad, err)
		}
	}
	if _, err := broker.ParseTransportURL("rabbit://h", map[string]string{"ssl": "x"}); err == nil ||
		!strings.Contains(err.Error(), "ssl") {
		t.Errorf("got %v", err)
	}
}

// refusals is a log that signals when the connection that NewRabbit waits for has failed once.
type refusals struct {
	mu     sync.Mutex
	text   bytes.Buffer
	failed chan struct{}
	once   sync.Once
}

func (l *refusals) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(b, []byte("cannot be reached")) && bytes.Contains(b, []byte("connection=publishing")) {
		l.once.Do(func() { close(l.failed) })
	}
	return l.text.Write(b)
}

func (l *refusals) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// refused returns what a broker says that RabbitMQ will not have, or that will not have RabbitMQ,
// and what it logs.
func refused(t *testing.T, c broker.Config) (log string, err error) {
	t.Helper()
	l := &refusals{failed: make(chan struct{})}
	c.Log = slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Log.Info("config", "config", c, "host", c.Hosts[0], "password", c.Hosts[0].Password)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcome := make(chan error, 1)
	go func() {
		_, err := broker.NewRabbit(ctx, c)
		outcome <- err
	}()
	receive(t, l.failed)
	cancel()
	err = receive(t, outcome)
	wantUnavailable(t, err)
	return l.String(), err
}

// TestPasswordIsNowhere looks for the password in whatever a config is printed with, and in logs
// and errors of a broker that RabbitMQ refuses.
func TestPasswordIsNowhere(t *testing.T) {
	c := config(t, "rabbit://faas:hunter2@"+server(t).Address())
	log, err := refused(t, c)
	asJSON, _ := json.Marshal(c.Hosts)
	within := struct{ c broker.Config }{c}
	var text string
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "d"} {
		text += fmt.Sprintf("%"+verb, c) + fmt.Sprintf("%"+verb, within) + fmt.Sprintf("%"+verb, c.Hosts[0].Password)
	}
	hidden := fmt.Sprintf("%x", "hunter2")
	for what, s := range map[string]string{"formatting": text, "log": log, "error": err.Error(), "JSON": string(asJSON)} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, hidden) {
			t.Errorf("the %s tells the password: %s", what, s)
		}
	}
}

// TestUntrustedServer has a certificate that the system's authorities did not sign.
func TestUntrustedServer(t *testing.T) {
	c := config(t, server(t).TLSURL())
	c.CAFile = ""
	if _, err := refused(t, c); !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v", err)
	}
	for _, file := range []string{"/nonexistent", "/dev/null"} {
		c.CAFile = file
		if _, err := broker.NewRabbit(t.Context(), c); err == nil || !strings.Contains(err.Error(), "ssl_ca_file") {
			t.Errorf("got %v", err)
		}
	}
}
