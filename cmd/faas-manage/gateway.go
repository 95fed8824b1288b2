package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	manifests "github.com/openstack-faas/faas/deploy/kubernetes/gateway"
	"github.com/openstack-faas/faas/internal/config"
)

// gatewayObjects returns the gateway's objects in deploy/kubernetes for the cluster: with its
// namespace, the image of its section, and what that is pulled with.
func gatewayObjects(k config.Kubernetes) (all []*unstructured.Unstructured, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests.Manifests)))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		u := &unstructured.Unstructured{}
		if err == nil {
			err = yaml.Unmarshal(text, &u.Object)
		}
		if err == nil {
			err = placeGateway(u, k)
		}
		if err != nil {
			return nil, fmt.Errorf("the gateway's manifests: %w", err)
		}
		all = append(all, u)
	}
}

// placeGateway changes what differs between clusters in one object.
func placeGateway(u *unstructured.Unstructured, k config.Kubernetes) error {
	u.SetNamespace(k.Namespace)
	switch u.GetKind() {
	case "RoleBinding":
		subjects, _, err := unstructured.NestedSlice(u.Object, "subjects")
		if err != nil || len(subjects) != 1 {
			return fmt.Errorf("the role binding must have one subject: %w", err)
		}
		subjects[0].(map[string]any)["namespace"] = k.Namespace
		return unstructured.SetNestedSlice(u.Object, subjects, "subjects")
	case "Deployment":
		pod := []string{"spec", "template", "spec"}
		containers, _, err := unstructured.NestedSlice(u.Object, append(pod, "containers")...)
		if err != nil || len(containers) != 1 {
			return fmt.Errorf("the Deployment must have one container: %w", err)
		}
		containers[0].(map[string]any)["image"] = k.GatewayImage
		if err := unstructured.SetNestedSlice(u.Object, containers, append(pod, "containers")...); err != nil {
			return err
		}
		var secrets []any
		for _, name := range k.PullSecrets {
			secrets = append(secrets, map[string]any{"name": name})
		}
		if secrets != nil {
			return unstructured.SetNestedSlice(u.Object, secrets, append(pod, "imagePullSecrets")...)
		}
	}
	return nil
}
