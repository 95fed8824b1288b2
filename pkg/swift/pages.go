package swift

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
)

// Container is what Swift says of a container as a whole. An object that is overwritten by one of
// equal size changes none of it. The counts may be late, as lists are.
type Container struct {
	Objects int64
	Bytes   int64
	Now     time.Time // by Swift's clock, to the second; zero when Swift does not say
}

// Container returns the counts of a container. The error is of ErrNotFound when there is none.
func (c *Client) Container(ctx context.Context, container string) (found Container, err error) {
	if err := CheckNames(container, "any"); err != nil {
		return found, err
	}
	what := Error{Op: http.MethodHead, Container: container}
	err = c.request(ctx, what, func(s *gophercloud.ServiceClient) error {
		opts := &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK, http.StatusNoContent}}
		//nolint:bodyclose // the answer to HEAD has none
		answer, err := s.Head(ctx, s.ServiceURL(url.PathEscape(container)), opts)
		if err == nil {
			found = counted(answer.Header)
		}
		return err
	})
	return found, err
}

func counted(h http.Header) (c Container) {
	c.Objects, _ = strconv.ParseInt(h.Get("X-Container-Object-Count"), 10, 64) // 0 when there is none
	c.Bytes, _ = strconv.ParseInt(h.Get("X-Container-Bytes-Used"), 10, 64)
	c.Now, _ = http.ParseTime(h.Get("Date"))
	return c
}

// MaxPageSize is how many entries Swift returns at a time at most, unless its operator has changed
// that.
const MaxPageSize = 10_000

// PageOpts says which part of a container's list is wanted.
type PageOpts struct {
	Prefix   string // of the names
	Marker   string // the names after this one
	Limit    int    // entries, 1 to MaxPageSize
	MaxBytes int64  // of the answer that are read; what follows is left for the next page. 0: all
}

// Page is a part of a container's list, in the order of the names.
type Page struct {
	Container Container // a moment before the list was made: what came in between is in the list
	Entries   []Entry
	More      bool // whether there may be entries after these
}

// Page returns a part of a container's list with one request. The error is of ErrNotFound when
// there is no such container.
func (c *Client) Page(ctx context.Context, container string, o PageOpts) (page Page, err error) {
	if err := CheckNames(container, "any"); err != nil {
		return page, err
	}
	query, err := gophercloud.BuildQueryString(objects.ListOpts{Limit: o.Limit, Marker: o.Marker, Prefix: o.Prefix})
	if err != nil {
		return page, err
	}
	what := Error{Op: http.MethodGet, Container: container}
	err = c.request(ctx, what, func(s *gophercloud.ServiceClient) error {
		answer, err := s.Get(ctx, s.ServiceURL(url.PathEscape(container))+query.String(), nil, &gophercloud.RequestOpts{
			OkCodes: []int{http.StatusOK, http.StatusNoContent}, KeepResponseBody: true,
		})
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		page = Page{Container: counted(answer.Header)}
		if answer.StatusCode == http.StatusNoContent {
			return nil
		}
		return page.read(answer.Body, o)
	})
	return page, err
}

// read decodes entries one at a time: a list may have megabytes of which few bytes are kept.
func (p *Page) read(body io.Reader, o PageOpts) error {
	bounded := &bounded{Reader: body, left: o.MaxBytes, none: o.MaxBytes == 0}
	d := json.NewDecoder(bounded)
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for d.More() {
		var e struct {
			Name     string  `json:"name"`
			Bytes    int64   `json:"bytes"`
			Hash     string  `json:"hash"`
			Type     string  `json:"content_type"`
			Modified listing `json:"last_modified"`
		}
		if err := d.Decode(&e); err != nil {
			if bounded.over && len(p.Entries) > 0 {
				p.More = true
				return nil
			}
			return fmt.Errorf("list: %w", err)
		}
		p.Entries = append(p.Entries, Entry{
			Name: e.Name, Size: e.Bytes, ETag: e.Hash, ContentType: e.Type, Modified: time.Time(e.Modified),
		})
	}
	if _, err := d.Token(); err != nil && !bounded.over { // the end of the list, or of the connection
		return fmt.Errorf("list: %w", err)
	}
	p.More = bounded.over || len(p.Entries) >= o.Limit
	return nil
}

// bounded ends after so many bytes.
type bounded struct {
	io.Reader
	left int64
	none bool // no bound
	over bool // whether it was reached
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.none {
		return b.Reader.Read(p)
	}
	if b.left <= 0 {
		b.over = true
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// listing is a time as lists have it: in UTC, and without saying so.
type listing time.Time

const listingTime = "2006-01-02T15:04:05.999999"

func (l *listing) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' {
		return errors.New("a time is not a string")
	}
	t, err := time.Parse(listingTime, string(b[1:len(b)-1]))
	*l = listing(t)
	return err
}
