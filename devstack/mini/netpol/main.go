// Command netpol holds NetworkPolicies on the one node of the mini cloud: it
// watches pods, namespaces and policies, and keeps one nftables table that says
// what they say. It is a test bed's part; a real cluster brings Calico or Cilium.
//
// It knows IPv4, selectors, address blocks, numeric ports and ranges of them. What
// it does not know, named ports, it does not let through. A new pod is not
// confined for the 0.1 to 0.3 s until its address is in the API.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// settle is how long changes are gathered before the table is written again, and
// retry how long after a failure.
const (
	settle = 20 * time.Millisecond
	retry  = time.Second
)

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "file that says where the API server is")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, *kubeconfig, slog.Default()); err != nil {
		slog.Error("network policies are no longer followed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string, log *slog.Logger) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	w, err := watch(ctx, informers.NewSharedInformerFactory(client, 0))
	if err != nil {
		return err
	}
	defer w.factory.Shutdown()
	follow(ctx, w, log)
	return nil
}

// follow writes the table whenever it would say something new, until ctx ends. The
// table stays when the process goes: nothing opens up while it is away.
func follow(ctx context.Context, w *watcher, log *slog.Logger) {
	written := ""
	for {
		wait := settle
		text := ruleset(w.cluster())
		if text != written {
			if err := load(ctx, text); err != nil {
				log.Error("rules not written", "error", err)
				wait = retry
				w.wake()
			} else {
				log.Info("rules written", "bytes", len(text))
				written = text
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		}
	}
}

// watcher is the part of the cluster that policies speak of, in memory.
type watcher struct {
	factory informers.SharedInformerFactory
	changed chan struct{} // holds one: something changed since it was last read
}

// watch starts the informers and returns when they have seen everything once.
func watch(ctx context.Context, f informers.SharedInformerFactory) (*watcher, error) {
	w := &watcher{factory: f, changed: make(chan struct{}, 1)}
	onChange := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { w.wake() },
		UpdateFunc: func(any, any) { w.wake() },
		DeleteFunc: func(any) { w.wake() },
	}
	for _, informer := range []cache.SharedIndexInformer{
		f.Core().V1().Pods().Informer(), f.Core().V1().Namespaces().Informer(),
		f.Networking().V1().NetworkPolicies().Informer(),
	} {
		if _, err := informer.AddEventHandler(onChange); err != nil {
			return nil, fmt.Errorf("informer: %w", err)
		}
	}
	f.Start(ctx.Done())
	for kind, synced := range f.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("no list of %s", kind)
		}
	}
	return w, nil
}

func (w *watcher) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// cluster copies what the informers know. Their listers read memory and cannot fail.
func (w *watcher) cluster() cluster {
	c := cluster{namespaces: map[string]labels.Set{}}
	c.pods, _ = w.factory.Core().V1().Pods().Lister().List(labels.Everything())
	c.policies, _ = w.factory.Networking().V1().NetworkPolicies().Lister().List(labels.Everything())
	namespaces, _ := w.factory.Core().V1().Namespaces().Lister().List(labels.Everything())
	for _, n := range namespaces {
		c.namespaces[n.Name] = n.Labels
	}
	return c
}
