package service

import (
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/config"
)

// TestRabbitConfig has options in the URL and in the section.
func TestRabbitConfig(t *testing.T) {
	section := config.Rabbit{
		SSL:       true,
		CAFile:    "/section/ca",
		Heartbeat: 1500 * time.Millisecond,
		Backoff:   2 * time.Second,
		Prefix:    "p",
	}
	for url, want := range map[string]struct{ address, ca string }{
		"rabbit://u:p@h/":                     {"h:5671", "/section/ca"},
		"rabbit://u:p@h:1/?ssl_ca_file=/url":  {"h:1", "/url"},
		"rabbit://u:p@h/v?ssl=false&unknown=": {"h:5672", "/section/ca"},
	} {
		c, err := rabbitConfig(config.Base{Default: config.Default{TransportURL: url}, Rabbit: section})
		if err != nil {
			t.Fatal(err)
		}
		if c.Hosts[0].Address != want.address || c.CAFile != want.ca || c.Heartbeat != section.Heartbeat ||
			c.RetryBackoff != section.Backoff ||
			c.Prefix != "p" {
			t.Errorf("%s: got %+v", url, c)
		}
	}
}
