package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// clusterPrepare shows what a cluster needs before an engine can use it, and makes it with --apply.
func clusterPrepare(ctx context.Context, conf *config.Manage, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("cluster prepare", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	apply := flags.Bool("apply", false, "")
	kubeconfig := flags.String("kubeconfig", "", "")
	name := flags.String("cluster", "", "")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("cluster prepare: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("cluster prepare takes no more arguments; it has %q", flags.Arg(0))
	}
	k, err := clusterNamed(conf, *name)
	if err != nil {
		return err
	}
	prepared := kubernetes.Prepared(k.Namespace, service.ClusterGroup, k.MagnumMaxNodes > 0)
	if k.PriorityClass != "" {
		prepared = append(prepared, kubernetes.PriorityClass(k.PriorityClass, int32(k.Priority)))
	}
	objects, err := unstructuredOf(prepared)
	if err != nil {
		return err
	}
	if k.Reach == "gateway" {
		more, err := gatewayObjects(k)
		if err != nil {
			return err
		}
		objects = append(objects, more...)
	}
	if !*apply {
		return show(objects, out)
	}
	access, done, err := asAdministrator(ctx, k, conf.Auth, *kubeconfig)
	if err != nil {
		return err
	}
	defer done()
	client, err := dynamic.NewForConfig(access)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() == "PriorityClass" {
			continue // its value cannot be changed
		}
		outcome, err := applyObject(ctx, client, object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if _, err := fmt.Fprintf(out, "%s %s: %s\n", object.GetKind(), object.GetName(), outcome); err != nil {
			return err
		}
	}
	return settle(ctx, access, k, out)
}

// clusterNamed returns what the configuration says of a cluster: of the only one when the name is "".
func clusterNamed(conf *config.Manage, name string) (config.Kubernetes, error) {
	if len(conf.Several) == 0 {
		if name != "" {
			return config.Kubernetes{}, fmt.Errorf("cluster prepare: --cluster %s: [kubernetes] clusters names none", name)
		}
		return conf.Kubernetes, nil
	}
	for _, k := range conf.Several {
		if k.Name == name {
			return k, nil
		}
	}
	return config.Kubernetes{}, fmt.Errorf(
		"cluster prepare needs --cluster with one of the names of [kubernetes] clusters: %s",
		strings.Join(conf.Kubernetes.Clusters, ", "),
	)
}

// asAdministrator returns how the cluster is reached by who may make the objects: by the
// kubeconfig, or by a certificate that Magnum signs for this once.
func asAdministrator(
	ctx context.Context, k config.Kubernetes, auth config.Authtoken, kubeconfig string,
) (*rest.Config, func(), error) {
	nothing := func() {}
	switch {
	case kubeconfig != "":
		access, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		return access, nothing, err
	case k.Magnum == "":
		return nil, nothing, errors.New(
			"cluster prepare --apply needs --kubeconfig FILE of an administrator of the cluster, " +
				"or [kubernetes] magnum_cluster",
		)
	}
	log := slog.New(slog.DiscardHandler)
	access, err := service.MagnumAccess(ctx, k, auth, "faas-manage", "system:masters", log)
	if err != nil {
		return nil, nothing, err
	}
	return access.REST(), access.Close, nil
}

// unstructuredOf turns objects into what they are on the wire, without what only the cluster says.
func unstructuredOf(objects []runtime.Object) ([]*unstructured.Unstructured, error) {
	var all []*unstructured.Unstructured
	for _, object := range objects {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		if err != nil {
			return nil, err
		}
		u := &unstructured.Unstructured{Object: fields}
		unstructured.RemoveNestedField(fields, "status")
		unstructured.RemoveNestedField(fields, "spec")
		unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
		all = append(all, u)
	}
	return all, nil
}

func show(objects []*unstructured.Unstructured, out io.Writer) error {
	for _, object := range objects {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}

// applyObject makes the object or changes it, and says which.
func applyObject(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) (string, error) {
	kind := object.GroupVersionKind()
	resources, _ := meta.UnsafeGuessKindToResource(kind)
	var of dynamic.ResourceInterface = client.Resource(resources)
	if namespace := object.GetNamespace(); namespace != "" {
		of = client.Resource(resources).Namespace(namespace)
	}
	before, err := of.Get(ctx, object.GetName(), metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	there := err == nil
	// What is there may be another's, of kubectl apply, say: what we need is set all the same.
	after, err := of.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "faas-manage", Force: true})
	switch {
	case err != nil:
		return "", err
	case !there:
		return "made", nil
	case before.GetResourceVersion() == after.GetResourceVersion():
		return "is as it must be", nil
	}
	return "changed", nil
}
