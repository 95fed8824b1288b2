package service

import (
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// Gateways returns by what workers are reached that are behind gateways; nil without a secret, as
// faas-standalone has none.
func Gateways(conf config.Worker) (*tunnel.Dialer, error) {
	if conf.TokenSecret == "" {
		return nil, nil //nolint:nilnil // there are none
	}
	key, err := faas.NewWorkerKey(conf.TokenSecret)
	if err != nil {
		return nil, err
	}
	return tunnel.NewDialer(key)
}

// Authority returns by what workers are spoken to by TLS; nil without a secret, as faas-standalone
// has none, whose workers are on its own machine.
func Authority(conf config.Worker) (*workertls.Authority, error) {
	if conf.TokenSecret == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	key, err := faas.NewWorkerKey(conf.TokenSecret)
	if err != nil {
		return nil, err
	}
	return workertls.NewAuthority(key)
}
