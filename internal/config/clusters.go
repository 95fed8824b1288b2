package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// clusterSection is what the name of a cluster's own section begins with.
const clusterSection = "kubernetes_"

// clusterName is what the names of clusters are made of.
var clusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// clusterOf returns the name of the cluster whose section it is, "" for any other section.
func clusterOf(section string) string {
	name, is := strings.CutPrefix(section, clusterSection)
	if !is || !clusterName.MatchString(name) {
		return ""
	}
	return name
}

// optionsOfCluster lists the names of what a cluster's section may have.
func optionsOfCluster() (names []string) {
	for _, o := range optionsIn("", reflect.ValueOf(&Kubernetes{}).Elem()) {
		if o.name != "clusters" {
			names = append(names, o.name)
		}
	}
	return names
}

// clusters are those of binaries that know several.
type clusters struct {
	// Several has [kubernetes] clusters, in their order; none: [kubernetes] is the only one.
	Several []Kubernetes
}

// fillClusters fills in the clusters of a binary that knows them.
func fillClusters(c any, values map[string]string) error {
	switch c := c.(type) {
	case *EngineService:
		return c.fill(c.Kubernetes, values)
	case *Manage:
		return c.fill(c.Kubernetes, values)
	case *Status:
		return c.fill(c.Kubernetes, values)
	}
	return nil
}

// fill makes each cluster of what [kubernetes] says and its own section says otherwise.
func (c *clusters) fill(common Kubernetes, values map[string]string) error {
	var wrong []error
	for _, name := range common.Clusters {
		k := common
		k.Name, k.Clusters = name, nil
		for _, o := range optionsIn(clusterSection+name, reflect.ValueOf(&k).Elem()) {
			if text, given := values[o.path()]; given {
				wrong = append(wrong, o.set(text))
			}
		}
		c.Several = append(c.Several, k)
	}
	for path := range values {
		section, _, _ := strings.Cut(path, ".")
		if name := clusterOf(section); name != "" && !slices.Contains(common.Clusters, name) {
			wrong = append(wrong, &Error{Section: section, Reason: "[kubernetes] clusters does not name it"})
		}
	}
	return errors.Join(wrong...)
}

func (c *EngineService) checkClusters() error {
	if len(c.Several) == 0 {
		return c.Kubernetes.check("kubernetes")
	}
	var wrong []error
	seen := map[string]bool{}
	for _, k := range c.Several {
		if !clusterName.MatchString(k.Name) || seen[k.Name] {
			wrong = append(wrong, &Error{Section: "kubernetes", Option: "clusters", Value: k.Name,
				Reason: "must be names of 1 to 32 lower-case letters, digits and inner dashes, each once"})
		}
		seen[k.Name] = true
		wrong = append(wrong, k.check(clusterSection+k.Name))
	}
	if !slices.ContainsFunc(c.Several, func(k Kubernetes) bool { return k.Weight > 0 }) {
		wrong = append(wrong, &Error{Section: "kubernetes", Option: "weight", Reason: "must be more than 0 for one cluster at least"})
	}
	return errors.Join(wrong...)
}

func (k Kubernetes) check(section string) error {
	wrong := []error{checkBlocks(section, map[string][]string{
		"egress_allow": k.EgressAllow, "egress_deny": k.EgressDeny, "ingress_from": k.IngressFrom,
	})}
	if k.RequestMemory > k.CeilingMemory || k.RequestCPU > k.CeilingCPU {
		wrong = append(wrong, &Error{
			Section: section,
			Option:  "request_cpu and request_memory",
			Reason:  "must not be more than ceiling_cpu and ceiling_memory",
		})
	}
	if _, err := k.GatewayAddresses(); err != nil {
		wrong = append(wrong, &Error{
			Section: section, Option: "gateway_url", Value: strings.Join(k.GatewayURLs, ","), Reason: err.Error(),
		})
	}
	if _, err := k.LabelMap(); err != nil {
		wrong = append(wrong, &Error{Section: section, Option: "labels", Value: strings.Join(k.Labels, ","), Reason: err.Error()})
	}
	wrong = append(wrong, k.checkNodes(section))
	return errors.Join(wrong...)
}

// LabelMap returns the cluster's labels by their names.
func (k Kubernetes) LabelMap() (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range k.Labels {
		name, value, is := strings.Cut(pair, "=")
		if _, twice := labels[name]; !is || twice {
			return nil, fmt.Errorf("%q must be name=value, each name once", pair)
		}
		labels[name] = value
		if _, err := faas.NewPlacement(map[string]string{name: value}); err != nil {
			return nil, fmt.Errorf("%q must have a name and a value of letters, digits, '.', '_', '-' and '/'", pair)
		}
	}
	return labels, nil
}

// GatewayAddresses returns gateway_url as host:port; nil where it is empty.
func (k Kubernetes) GatewayAddresses() (addresses []string, err error) {
	for _, text := range k.GatewayURLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
			return nil, fmt.Errorf("%q must be https://host:port", text)
		}
		addresses = append(addresses, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	}
	return addresses, nil
}
