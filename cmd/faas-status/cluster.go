package main

import (
	"context"
	"log/slog"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/kubeclient"
	workers "github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// clusterChecks are a check for each cluster of Magnum's, and for each gateway.
func clusterChecks(conf *config.Status) (made []check) {
	all := conf.Several
	if len(all) == 0 {
		all = []config.Kubernetes{conf.Kubernetes}
	}
	for _, k := range all {
		named := func(name string) string { return strings.TrimSpace(name + " " + k.Name) }
		if k.Magnum != "" {
			made = append(made, check{named("Magnum cluster"), func(ctx context.Context, conf *config.Status) (outcome, string) {
				return checkCluster(ctx, k, conf.Auth)
			}})
		}
		if k.Reach == "gateway" {
			made = append(made, check{named("Gateway"), func(ctx context.Context, conf *config.Status) (outcome, string) {
				return checkGateway(ctx, k, conf)
			}})
		}
	}
	return made
}

// checkGateway asks each way into the cluster's gateway whether it takes us for what we are.
func checkGateway(ctx context.Context, k config.Kubernetes, conf *config.Status) (outcome, string) {
	addresses, err := k.GatewayAddresses()
	if err == nil && addresses == nil {
		addresses, err = foundGateway(ctx, k, conf.Auth)
	}
	if err != nil {
		return failure, "The gateway is not found: " + err.Error()
	}
	gateways, err := service.Gateways(conf.Worker)
	if err != nil || gateways == nil {
		return failure, "The gateway cannot be asked without [worker] token_secret."
	}
	for _, address := range addresses {
		if err := gateways.Check(ctx, address); err != nil {
			return failure, "The gateway at " + address + " cannot be used: " + err.Error()
		}
	}
	return success, strings.Join(addresses, ", ")
}

// foundGateway finds the gateway as the engine does, by its Service.
func foundGateway(ctx context.Context, k config.Kubernetes, auth config.Authtoken) ([]string, error) {
	access, err := service.MagnumAccess(
		ctx, k, auth, service.ClusterUser, service.ClusterGroup, slog.New(slog.DiscardHandler),
	)
	if err != nil {
		return nil, err
	}
	var to *rest.Config
	if access != nil {
		defer access.Close()
		to = access.REST()
	} else if to, err = clientcmd.BuildConfigFromFlags("", k.Config); err != nil {
		return nil, err
	}
	client, err := kubeclient.New(to)
	if err != nil {
		return nil, err
	}
	return workers.GatewayAddresses(ctx, client, k.Namespace)
}

// checkCluster goes the engine's way to a cluster of Magnum's, as far as listing its workers.
func checkCluster(ctx context.Context, k config.Kubernetes, auth config.Authtoken) (outcome, string) {
	access, err := service.MagnumAccess(
		ctx, k, auth, service.ClusterUser, service.ClusterGroup, slog.New(slog.DiscardHandler),
	)
	if err != nil {
		return failure, "Cluster " + k.Magnum + " cannot be used: " + err.Error()
	}
	defer access.Close()
	client, err := kubeclient.New(access.REST())
	if err != nil {
		return failure, err.Error()
	}
	_, err = client.Pods(k.Namespace).List(ctx, metav1.ListOptions{Limit: 1})
	switch {
	case apierrors.IsForbidden(err):
		return failure, "The engine has no rights in cluster " + k.Magnum + ". Run: faas-manage cluster prepare"
	case err != nil:
		return failure, "The Kubernetes of cluster " + k.Magnum + " does not answer: " + err.Error()
	}
	return success, ""
}
