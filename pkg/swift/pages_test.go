package swift

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		ctx := t.Context()
		if page, err := c.Page(ctx, container, PageOpts{Limit: MaxPageSize}); err != nil || page.More ||
			len(page.Entries) != 0 || page.Container.Objects != 0 || time.Since(page.Container.Now).Abs() > time.Hour {
			t.Errorf("nothing in it: %+v, %v", page, err)
		}
		for _, name := range []string{"a/1", "a/2 ü?&", "a/3", "b"} {
			put(t, c, container, name, name)
		}
		page, err := c.Page(ctx, container, PageOpts{Prefix: "a/", Marker: "a/1", Limit: 2})
		if err != nil || !page.More || !slices.Equal(named(page), []string{"a/2 ü?&", "a/3"}) {
			t.Errorf("%+v, %v", page, err)
		}
		if e := page.Entries[0]; e.Size != 8 || e.ETag != MD5([]byte(e.Name)) ||
			e.ContentType != "application/octet-stream" || time.Since(e.Modified).Abs() > time.Hour {
			t.Errorf("%+v", e)
		}
		found, err := c.Container(ctx, container)
		if err != nil || found.Objects != 4 || found.Bytes != 15 || found.Objects != page.Container.Objects ||
			found.Bytes != page.Container.Bytes || time.Since(found.Now).Abs() > time.Hour {
			t.Errorf("%+v, %v", found, err)
		}
		_, headErr := c.Container(ctx, container+"-none")
		_, listErr := c.Page(ctx, container+"-none", PageOpts{Limit: 1})
		if !errors.Is(headErr, ErrNotFound) || !errors.Is(listErr, ErrNotFound) {
			t.Errorf("no such container: %v, %v", headErr, listErr)
		}
		if _, err := c.Page(ctx, container, PageOpts{Limit: MaxPageSize + 1}); err == nil {
			t.Error("a larger page than Swift allows")
		}
	})
}

// TestPageInBytes reads a list piecemeal, whatever the bound falls on.
func TestPageInBytes(t *testing.T) {
	onBoth(t, func(t *testing.T, c *Client, container string) {
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint("object-", 10+i))
			put(t, c, container, want[i], "x")
		}
		for bound := int64(300); bound < 4000; bound += 37 {
			var got []string
			for more, marker := true, ""; more; {
				page, err := c.Page(t.Context(), container, PageOpts{Marker: marker, Limit: 100, MaxBytes: bound})
				if err != nil {
					t.Fatal(err)
				}
				if more = page.More; more {
					marker = page.Entries[len(page.Entries)-1].Name
				}
				got = append(got, named(page)...)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("by %d bytes: %q", bound, got)
			}
		}
		if _, err := c.Page(t.Context(), container, PageOpts{Limit: 100, MaxBytes: 20}); err == nil {
			t.Error("no room for one entry, and no error")
		}
	})
}

// TestCutList has lists that end too soon, and what is no list.
func TestCutList(t *testing.T) {
	whole := `[{"name": "a", "bytes": 1, "hash": "h", "last_modified": "2026-11-29T22:00:00.123450"},` +
		`{"name": "b", "last_modified": "2026-11-29T22:00:01"}]`
	var p Page
	if err := p.read(strings.NewReader(whole), PageOpts{Limit: 3}); err != nil || len(p.Entries) != 2 || p.More {
		t.Fatalf("%+v, %v", p, err)
	}
	if want := time.Date(2026, 11, 29, 22, 0, 0, 123450000, time.UTC); !p.Entries[0].Modified.Equal(want) {
		t.Errorf("got %v", p.Entries[0].Modified)
	}
	for n := range len(whole) {
		var p Page
		if err := p.read(io.LimitReader(strings.NewReader(whole), int64(n)), PageOpts{Limit: 3}); err == nil {
			t.Errorf("%q is taken for a list", whole[:n])
		}
	}
	for _, bad := range []string{
		`{"a": 1}`, `[{"name": 1}]`, `[{"last_modified": 5}]`, `[{"last_modified": "now"}]`, `<html>`,
	} {
		if err := new(Page).read(strings.NewReader(bad), PageOpts{Limit: 3}); err == nil {
			t.Errorf("%q is taken for a list", bad)
		}
	}
}

func named(p Page) (names []string) {
	for _, e := range p.Entries {
		names = append(names, e.Name)
	}
	return names
}
