package magnum

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/certificates"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/nodegroups"
)

// Cluster is what Magnum says of one.
type Cluster struct {
	UUID, Name, ProjectID string
	Status                string // as in CREATE_COMPLETE
	StatusReason          string
	APIAddress            string // of Kubernetes, a URL; "" until it is known
	NodeCount             int
	Health                string // HEALTHY, UNHEALTHY, UNKNOWN; "" where Magnum does not look
}

// Usable says why the cluster cannot be used now; nil if it can. One whose update failed or is
// under way runs on as it was.
func (c Cluster) Usable() error {
	reason := ""
	if c.StatusReason != "" {
		reason = ": " + c.StatusReason
	}
	switch {
	case c.Status == "CREATE_IN_PROGRESS":
		return fmt.Errorf("cluster %s is still being made", c.Name)
	case c.Status == "CREATE_FAILED":
		return fmt.Errorf("cluster %s could not be made%s", c.Name, reason)
	case strings.HasPrefix(c.Status, "DELETE_"):
		return fmt.Errorf("cluster %s is being deleted (%s)", c.Name, c.Status)
	case c.APIAddress == "":
		return fmt.Errorf("cluster %s has no api_address (%s)%s", c.Name, c.Status, reason)
	}
	return nil
}

// Settled reports whether nothing is being done to the cluster.
func (c Cluster) Settled() bool { return !strings.HasSuffix(c.Status, "_IN_PROGRESS") }

// Cluster finds a cluster by its name or UUID.
func (c *Client) Cluster(ctx context.Context, ident string) (Cluster, error) {
	var found *clusters.Cluster
	err := c.send(ctx, "find cluster", ident, func(ctx context.Context, magnum *gophercloud.ServiceClient) (err error) {
		found, err = clusters.Get(ctx, magnum, url.PathEscape(ident)).Extract()
		return err
	})
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{
		UUID: found.UUID, Name: found.Name, ProjectID: found.ProjectID, Status: found.Status,
		StatusReason: found.StatusReason, APIAddress: found.APIAddress, NodeCount: found.NodeCount,
		Health: found.HealthStatus,
	}, nil
}

// CA returns the certificate of the cluster's authority, in PEM.
func (c *Client) CA(ctx context.Context, uuid string) (string, error) {
	var made *certificates.Certificate
	err := c.send(ctx, "get the CA of cluster", uuid,
		func(ctx context.Context, magnum *gophercloud.ServiceClient) (err error) {
			made, err = certificates.Get(ctx, magnum, uuid).Extract()
			return err
		})
	if err != nil {
		return "", err
	}
	return made.PEM, nil
}

// Sign has the cluster's authority sign a certificate request, in PEM, and returns the certificate.
// Magnum asks for the role admin, or for the user who made the cluster, and grants whatever subject
// the request names.
func (c *Client) Sign(ctx context.Context, uuid, request string) (string, error) {
	var made *certificates.Certificate
	err := c.send(ctx, "sign a certificate of cluster", uuid,
		func(ctx context.Context, magnum *gophercloud.ServiceClient) (err error) {
			opts := certificates.CreateOpts{ClusterUUID: uuid, CSR: request}
			made, err = certificates.Create(ctx, magnum, opts).Extract()
			return err
		})
	if err != nil {
		return "", err
	}
	return made.PEM, nil
}

// NodeGroup is a set of equal nodes of a cluster.
type NodeGroup struct {
	UUID, Name, Role string // the role is master, worker, or one of the operator's
	Default          bool   // it was made with the cluster
	Count, Min       int
	Max              int // 0: none
	Status           string
}

// NodeGroup returns a node group by its name or UUID; "" for the one of workers that was made with
// the cluster.
func (c *Client) NodeGroup(ctx context.Context, uuid, ident string) (NodeGroup, error) {
	var found *nodegroups.NodeGroup
	err := c.send(ctx, "find the node groups of cluster", uuid,
		func(ctx context.Context, magnum *gophercloud.ServiceClient) (err error) {
			if ident == "" {
				if ident, err = defaultGroup(ctx, magnum, uuid); err != nil {
					return err
				}
			}
			found, err = nodegroups.Get(ctx, magnum, uuid, url.PathEscape(ident)).Extract()
			return err
		})
	if err != nil {
		return NodeGroup{}, err
	}
	group := NodeGroup{
		UUID: found.UUID, Name: found.Name, Role: found.Role, Default: found.IsDefault,
		Count: found.NodeCount, Min: found.MinNodeCount, Status: found.Status,
	}
	if found.MaxNodeCount != nil {
		group.Max = *found.MaxNodeCount
	}
	return group, nil
}

// defaultGroup returns the UUID of the workers' group that was made with the cluster. A list leaves
// the bounds out, so that the group itself must be read as well.
func defaultGroup(ctx context.Context, magnum *gophercloud.ServiceClient, uuid string) (string, error) {
	pages, err := nodegroups.List(magnum, uuid, nodegroups.ListOpts{Role: "worker"}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	all, err := nodegroups.ExtractNodeGroups(pages)
	if err != nil {
		return "", err
	}
	for _, group := range all {
		if group.IsDefault {
			return group.UUID, nil
		}
	}
	return "", fmt.Errorf("%w: no group of role worker was made with it", ErrNotFound)
}

// Resize is how many nodes a group shall have.
type Resize struct {
	Group  string // name or UUID; "" for the workers' that was made with the cluster
	Count  int
	Remove []string // server ids of nodes that shall go; else Magnum chooses
}

// Resize has a node group grow or shrink. It returns when Magnum has accepted that; the cluster's
// status is UPDATE_IN_PROGRESS until it is done.
func (c *Client) Resize(ctx context.Context, uuid string, r Resize) error {
	return c.send(ctx, "resize cluster", uuid, func(ctx context.Context, magnum *gophercloud.ServiceClient) error {
		opts := clusters.ResizeOpts{NodeCount: &r.Count, NodesToRemove: r.Remove, NodeGroup: r.Group}
		return clusters.Resize(ctx, magnum, uuid, opts).Err
	})
}
