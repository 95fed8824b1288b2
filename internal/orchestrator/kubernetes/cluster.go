package kubernetes

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
)

// cluster is what the parts of an orchestrator share: the configuration, the client, and the life
// of what they do in the background.
type cluster struct {
	cfg    Config
	log    *slog.Logger
	client kubeclient.Client

	ctx  context.Context // ends with the orchestrator
	stop context.CancelFunc
	wait sync.WaitGroup // for informers, removals and whatever else runs in the background
}

func newCluster(cfg Config, client kubeclient.Client) *cluster {
	c := &cluster{cfg: cfg, log: cfg.Log, client: client}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// connect returns a client; it does not send a request yet.
func connect(cfg Config) (kubeclient.Client, error) {
	access, err := restConfig(cfg)
	if err != nil {
		return nil, err
	}
	access.QPS, access.Burst = float32(cfg.QPS), 2*cfg.QPS
	access.UserAgent = "openstack-faas"
	if cfg.Transport != nil {
		access.Wrap(cfg.Transport)
	}
	return kubeclient.New(access)
}

func restConfig(cfg Config) (*rest.Config, error) {
	switch {
	case cfg.Access != nil:
		return cfg.Access.REST(), nil
	case cfg.Kubeconfig == "":
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
}

func (c *cluster) pods() kubeclient.Pods {
	return c.client.Pods(c.cfg.Namespace)
}

func (c *cluster) deployments() kubeclient.Deployments {
	return c.client.Deployments(c.cfg.Namespace)
}

func (c *cluster) secrets() kubeclient.Secrets {
	return c.client.Secrets(c.cfg.Namespace)
}

// every calls sweep again and again until the orchestrator is closed, after a pause each time.
func (c *cluster) every(pause time.Duration, sweep func(now time.Time)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-tick.C:
			sweep(now)
		}
	}
}

// within returns a context that ends with ctx or with the orchestrator; then errClosed is its
// cause.
func (c *cluster) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(c.ctx, func() { cancel(errClosed()) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}

func (c *cluster) closed() bool { return c.ctx.Err() != nil }

func errClosed() error { return faas.Errorf(faas.Unavailable, "The service is stopping.") }
