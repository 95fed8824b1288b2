package swift

import (
	"context"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
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
	Name        string
	Size        int64     // bytes
	ETag        string    // without quotes; of a large object, that of its manifest
	ContentType string    // as whoever made the object said
	Modified    time.Time // when its last upload began, or when it was last touched
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
		page, err := c.Page(ctx, container, PageOpts{Marker: marker, Limit: size})
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := visit(e); err != nil {
				return err
			}
		}
		if !page.More {
			return nil
		}
		marker = page.Entries[len(page.Entries)-1].Name
	}
}
