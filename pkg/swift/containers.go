package swift

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
)

// EnsureContainer creates a container. It is no error when there is one.
func (c *Client) EnsureContainer(ctx context.Context, container string) error {
	if err := CheckNames(container, "any"); err != nil {
		return err
	}
	return c.request(ctx, Error{Op: http.MethodPut, Container: container}, func(s *gophercloud.ServiceClient) error {
		return containers.Create(ctx, s, container, containers.CreateOpts{}).Err
	})
}

// DeleteContainer deletes a container, which must be empty.
func (c *Client) DeleteContainer(ctx context.Context, container string) error {
	if err := CheckNames(container, "any"); err != nil {
		return err
	}
	return c.request(ctx, Error{Op: http.MethodDelete, Container: container}, func(s *gophercloud.ServiceClient) error {
		return containers.Delete(ctx, s, container).Err
	})
}

// Entry is an object in the list of its container. A list may be late: by moments as a rule, by
// longer after a failure in Swift.
type Entry struct {
	Name     string
	Size     int64     // bytes
	ETag     string    // without quotes; of a large object, that of its manifest
	Modified time.Time // when it was last put or touched
}

// PageSize is how many entries of a list Swift is asked for at a time.
const PageSize = 1000

// List calls visit for each object of a container in the order of their names, until visit returns
// an error, which List returns. The error is of ErrNotFound when there is no such container.
func (c *Client) List(ctx context.Context, container string, visit func(Entry) error) error {
	return c.list(ctx, container, PageSize, visit)
}

func (c *Client) list(ctx context.Context, container string, size int, visit func(Entry) error) error {
	for marker := ""; ; {
		page, err := c.page(ctx, container, marker, size)
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := visit(Entry{Name: o.Name, Size: o.Bytes, ETag: o.Hash, Modified: o.LastModified}); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		marker = page[len(page)-1].Name
	}
}

// page returns the entries after the marker.
func (c *Client) page(ctx context.Context, container, marker string, size int) (page []objects.Object, err error) {
	if err := CheckNames(container, "any"); err != nil {
		return nil, err
	}
	query, err := gophercloud.BuildQueryString(objects.ListOpts{Limit: size, Marker: marker})
	if err != nil {
		return nil, err
	}
	err = c.request(ctx, Error{Op: http.MethodGet, Container: container}, func(s *gophercloud.ServiceClient) error {
		page = nil
		opts := &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusNoContent}}
		//nolint:bodyclose // gophercloud closes what it decodes
		_, err := s.Get(ctx, s.ServiceURL(url.PathEscape(container))+query.String(), &page, opts)
		return err
	})
	return page, err
}
