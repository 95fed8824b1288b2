package swift

import (
	"context"
	"crypto/md5" //nolint:gosec // Swift's own checksum; nobody's trust rests on it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
)

// Object is the metadata of an object.
type Object struct {
	ETag        string    // opaque: the MD5 of a plain object's bytes, of a large object's segments something else
	Size        int64     // bytes as announced, -1 when unknown: a bound on reading is the reader's own
	ContentType string    // as whoever made the object said
	Modified    time.Time // to the second
}

// Bounds of names, as Swift has them by default.
const (
	MaxContainerName = 256  // bytes
	MaxObjectName    = 1024 // bytes
)

// CheckNames reports whether there may be an object of this name in a container of that; the error
// is of ErrName.
func CheckNames(container, object string) error {
	switch {
	case container == "" || object == "":
		return fmt.Errorf("%w: it must not be empty", ErrName)
	case strings.Contains(container, "/"):
		return fmt.Errorf("%w: that of a container must not have a slash", ErrName)
	case len(container) > MaxContainerName:
		return fmt.Errorf("%w: that of a container must have at most %d bytes", ErrName, MaxContainerName)
	case len(object) > MaxObjectName:
		return fmt.Errorf("%w: that of an object must have at most %d bytes", ErrName, MaxObjectName)
	case container == "." || container == ".." || dotted(object):
		return fmt.Errorf("%w: no part of it between slashes may be . or .., which are removed from URLs", ErrName)
	}
	return nil
}

func dotted(object string) bool {
	for part := range strings.SplitSeq(object, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// Head returns the metadata of an object.
func (c *Client) Head(ctx context.Context, container, object string) (o Object, err error) {
	if err := CheckNames(container, object); err != nil {
		return o, err
	}
	err = c.request(
		ctx,
		Error{Op: http.MethodHead, Container: container, Object: object},
		func(s *gophercloud.ServiceClient) error {
			r := objects.Get(ctx, s, container, object, objects.GetOpts{})
			o = described(r.Header)
			return r.Err
		},
	)
	return o, err
}

// Get returns an object's bytes and their metadata. The caller closes the body. Errors of reading
// it are ErrUnavailable, and it ends with ctx.
func (c *Client) Get(ctx context.Context, container, object string) (body io.ReadCloser, o Object, err error) {
	if err := CheckNames(container, object); err != nil {
		return nil, o, err
	}
	what := Error{Op: http.MethodGet, Container: container, Object: object}
	err = c.request(ctx, what, func(s *gophercloud.ServiceClient) error {
		r := objects.Download(ctx, s, container, object, nil)
		body, o = r.Body, described(r.Header)
		return r.Err
	})
	if err != nil {
		return nil, o, err
	}
	return &reading{body, what}, o, nil
}

// reading is a body whose errors are of type Error.
type reading struct {
	io.ReadCloser
	what Error
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.what.of(err)
	}
	return n, err
}

// Put stores content from its beginning, and returns when Swift has all of it. md5sum is its MD5 in
// hexadecimal: Swift refuses bytes with another. An object of the same name is replaced at once and
// as a whole.
func (c *Client) Put(ctx context.Context, container, object string, content io.ReadSeeker, md5sum string) error {
	if err := CheckNames(container, object); err != nil {
		return err
	}
	what := Error{Op: http.MethodPut, Container: container, Object: object}
	return c.request(ctx, what, func(s *gophercloud.ServiceClient) error {
		if _, err := content.Seek(0, io.SeekStart); err != nil {
			return err
		}
		r := objects.Create(ctx, s, container, object, objects.CreateOpts{
			Content: io.NopCloser(content), ETag: md5sum, ContentType: "application/octet-stream",
		})
		if r.Err == nil && r.Header.Get("Etag") != "" && !strings.EqualFold(unquoted(r.Header.Get("Etag")), md5sum) {
			return gophercloud.ErrUnexpectedResponseCode{Actual: http.StatusUnprocessableEntity}
		}
		return r.Err
	})
}

// Touch makes an object new: its time is now.
func (c *Client) Touch(ctx context.Context, container, object string) error {
	if err := CheckNames(container, object); err != nil {
		return err
	}
	return c.request(
		ctx,
		Error{Op: http.MethodPost, Container: container, Object: object},
		func(s *gophercloud.ServiceClient) error {
			return objects.Update(ctx, s, container, object, objects.UpdateOpts{}).Err
		},
	)
}

// Delete deletes an object. The error is ErrNotFound when there is none.
func (c *Client) Delete(ctx context.Context, container, object string) error {
	if err := CheckNames(container, object); err != nil {
		return err
	}
	return c.request(
		ctx,
		Error{Op: http.MethodDelete, Container: container, Object: object},
		func(s *gophercloud.ServiceClient) error {
			return objects.Delete(ctx, s, container, object, objects.DeleteOpts{}).Err
		},
	)
}

func described(h http.Header) Object {
	o := Object{ETag: h.Get("Etag"), Size: -1, ContentType: h.Get("Content-Type")}
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
		o.Size = n
	}
	o.Modified, _ = http.ParseTime(h.Get("Last-Modified")) // zero when there is none
	return o
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }

// MD5 returns the MD5 of the bytes in hexadecimal, as Put wants it.
func MD5(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
