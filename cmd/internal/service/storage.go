package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/pkg/keystone"
	"github.com/openstack-faas/faas/pkg/swift"
)

// objectStore is Swift's type in Keystone's catalogue.
const objectStore = "object-store"

// objects is how functions' objects are read; its Source is nil without Keystone.
type objects struct {
	Source   *swiftcode.Source
	interval time.Duration
}

// openStorage opens what keeps packages and, where there is a Keystone, what reads functions'
// objects. It contacts nobody.
func (p *Parts) openStorage(conf config.Storage) error {
	var account *swift.Client
	k := p.Keystone
	if k != nil {
		account = ownAccount(k, p.clients)
	}
	switch {
	case conf.Provider != "swift":
		files, err := codestore.NewFiles(conf.Dir)
		if err != nil {
			return fmt.Errorf("[storage] file_system_dir: %w", err)
		}
		p.Code = files
	case account == nil:
		return errors.New(
			"[storage] provider = swift needs [DEFAULT] auth_strategy = keystone: packages are kept in the service's own project",
		)
	default:
		if err := swift.CheckNames(conf.Container, "any"); err != nil {
			return fmt.Errorf("[storage] swift_container: %w", err)
		}
		p.Code = codestore.NewSwift(account, conf.Container, "")
	}
	p.Code = codestore.Announced{Store: p.Code, Announce: p.Store.AnnouncePackage}
	if account != nil {
		p.Objects = objects{interval: conf.CheckInterval, Source: swiftcode.New(swiftcode.Config{
			Swift: account, Code: p.Code, MaxSize: conf.MaxObject,
			Endpoint: func(ctx context.Context, projectID string) (string, error) {
				return k.EndpointFor(ctx, objectStore, projectID)
			},
		})}
	}
	return nil
}

// ownAccount is the Swift of the service's own project.
func ownAccount(k *keystone.Client, clients clientMetrics) *swift.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = k.TLSConfig()
	requests := swift.NewHTTP(transport)
	requests.Transport = clients.of("swift", requests.Transport)
	return swift.New(swift.Config{
		HTTP:     requests,
		Endpoint: func(ctx context.Context) (string, error) { return k.Endpoint(ctx, objectStore) },
		Token: func(ctx context.Context, refused string) (string, error) {
			if refused == "" {
				return k.ServiceToken(ctx)
			}
			return k.RenewServiceToken(ctx, refused)
		},
	})
}

// objectsOfEngine returns the engine what looks whether functions' objects have changed, nil
// without Keystone.
func (p Parts) objectsOfEngine() *engine.Objects {
	if p.Objects.Source == nil {
		return nil
	}
	return &engine.Objects{
		Source:   p.Objects.Source,
		Interval: p.Objects.interval,
		Token:    tokenOf(p.Sessions),
		Forget:   p.Sessions.Renew,
		Quota:    p.Quotas.Limits,
	}
}

// lookLife is how long the token of a function's trust must last for its object to be looked at and
// read.
const lookLife = time.Minute

func tokenOf(sessions *session.Sessions) func(context.Context, string) (faas.Secret, error) {
	return func(ctx context.Context, trustID string) (faas.Secret, error) {
		s, err := sessions.Get(ctx, trustID, lookLife)
		return s.Token, err
	}
}
