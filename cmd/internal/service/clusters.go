package service

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/openstack-faas/faas/internal/clusteraccess"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// The engine's name in a cluster of Magnum's. faas-manage cluster prepare grants the group its
// rights.
const (
	ClusterUser  = "faas-engine"
	ClusterGroup = "faas:engines"
)

// MagnumAccess returns the way to the cluster of [kubernetes] magnum_cluster, as the user and group;
// nil where that is not set. It is to be closed.
func MagnumAccess(
	ctx context.Context, k config.Kubernetes, auth config.Authtoken, user, group string, log *slog.Logger,
) (*clusteraccess.Access, error) {
	client, err := MagnumClient(k, auth, log)
	if err != nil || client == nil {
		return nil, err
	}
	return clusteraccess.Open(ctx, clusteraccess.Config{
		Cluster: k.Magnum, Magnum: client, User: user, Group: group, Log: log,
	})
}

// MagnumClient returns a client of Magnum in the project of the cluster; nil where magnum_cluster is
// not set.
func MagnumClient(k config.Kubernetes, auth config.Authtoken, log *slog.Logger) (*magnum.Client, error) {
	if k.Magnum == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	if k.MagnumProject != "" {
		auth.Project = k.MagnumProject
	}
	// A client of its own: the cluster may be in a project that the service is not otherwise in.
	creds, err := openKeystone("keystone", auth, nil, log)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = creds.TLSConfig()
	return magnum.New(creds, transport), nil
}
