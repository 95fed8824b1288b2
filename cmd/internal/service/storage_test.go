package service

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/store"
)

func TestStorage(t *testing.T) {
	conf := config.Storage{
		Provider:      "local",
		Dir:           t.TempDir(),
		Container:     "packages",
		MaxObject:     1 << 20,
		CheckInterval: time.Minute,
	}
	auth := config.Authtoken{AuthURL: "http://127.0.0.1:1/v3", Username: "faas", Password: "secret", Project: "service"}
	for _, c := range []struct {
		strategy, provider, container string
		fails                         string
		inSwift, objects              bool
	}{
		{"noauth", "local", "packages", "", false, false},
		{"keystone", "local", "packages", "", false, true},
		{"keystone", "swift", "packages", "", true, true},
		{"noauth", "swift", "packages", "provider = swift needs [DEFAULT] auth_strategy = keystone", false, false},
		{"keystone", "swift", "a/b", "swift_container", false, false},
	} {
		p := Parts{Store: new(store.Store), clients: newClientMetrics(prometheus.NewRegistry())}
		var err error
		if p.Keystone, err = openKeystone(c.strategy, auth, nil, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		conf.Provider, conf.Container = c.provider, c.container
		err = p.openStorage(conf)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%+v: %v", c, err)
			}
			continue
		}
		code, announced := p.Code.(codestore.Announced)
		_, inSwift := code.Store.(*codestore.Swift)
		if err != nil || !announced || inSwift != c.inSwift || (p.Objects.Source != nil) != c.objects ||
			(p.objectsOfEngine() != nil) != c.objects {
			t.Errorf("%+v: %v, %T", c, err, p.Code)
		}
	}
}
