package main

import (
	"context"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// newWorkers connects to the cluster that the workers are in.
func newWorkers(
	ctx context.Context, parts service.Parts, conf *config.EngineService, log *slog.Logger,
) (*kubernetes.Orchestrator, error) {
	key, err := faas.NewWorkerKey(conf.Worker.TokenSecret)
	if err != nil {
		return nil, err
	}
	passwords, err := service.RegistryPasswords(conf.Worker)
	if err != nil {
		return nil, err
	}
	klog.SetSlogLogger(log) // client-go's own words go where ours do
	k := conf.Kubernetes
	return kubernetes.New(ctx, kubernetes.Config{
		Kubeconfig: k.Config, Namespace: k.Namespace, QPS: k.QPS, Transport: parts.KubernetesTransport,
		AgentImage: k.AgentImage, PullPolicy: corev1.PullPolicy(k.PullPolicy), PullSecrets: k.PullSecrets,
		TrustedClass: k.TrustedClass, UntrustedClass: k.UntrustedClass,
		Passwords: passwords, Key: key, Slots: conf.Engine.Concurrency, Limit: conf.Worker.Process(),
		Ceiling: kubernetes.Resources{CPU: k.CeilingCPU, Memory: k.CeilingMemory},
		Request: kubernetes.Resources{CPU: k.RequestCPU, Memory: k.RequestMemory},
		Network: kubernetes.Network{
			Deny: k.EgressDeny, Allow: k.EgressAllow, Resolvers: k.Resolvers, From: k.IngressFrom,
		},
		Progress: k.ProgressTimeout, Log: log,
	})
}
