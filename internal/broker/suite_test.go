package broker_test

import (
	"testing"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/broker/brokertest"
)

func TestInProcess(t *testing.T) {
	brokertest.Run(t, func(*testing.T) broker.Broker { return broker.NewInProcess() })
}
