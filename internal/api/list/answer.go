// Package list reads the requests for lists, and makes the answers to them.
package list

import (
	"context"
	"net/http"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

const (
	// rowCost is about what an item takes in memory besides its long texts.
	rowCost = 1 << 10
	// largestRow is about what an item takes at most: the database cuts long texts.
	largestRow = 10 << 10
)

// Of is what there is to say of one kind of list.
type Of[T, V any] struct {
	Plural string // what its items are called in the answer
	Rule   string // who may list the items of other projects
	Read   func(context.Context, faas.Scope, faas.Query) (store.Page[T], error)
	View   func(T) V
	Texts  func(T) int // returns how many bytes an item's long texts have
}

// Answer answers a request for a list.
func Answer[T, V any](ls Reader, r *http.Request, id faas.Identity, of Of[T, V]) (any, error) {
	l, scope, err := ls.Read(r, id, of.Rule)
	if err != nil {
		return nil, err
	}
	rows, err := Read(r, l.Query, of.Texts, func() (store.Page[T], error) {
		return of.Read(r.Context(), scope, l.Query)
	})
	if err != nil {
		return nil, err
	}
	return Page(ls.Endpoint, r, of.Plural, rows, of.View), nil
}

// Read reads a list when there is room for as much as its query may find, and counts what it
// has found. texts returns how many bytes an item's long texts have.
func Read[T any](
	r *http.Request, q faas.Query, texts func(T) int, read func() (store.Page[T], error),
) (store.Page[T], error) {
	grant := request.Of(r).Grant
	before := grant.Held()
	if err := grant.Await(r.Context(), int64(q.Limit)*largestRow); err != nil {
		return store.Page[T]{}, err
	}
	rows, err := read()
	size := int64(0)
	for _, item := range rows.Items {
		size += rowCost + int64(texts(item))
	}
	grant.GiveBack(grant.Held() - before - size)
	return rows, err
}

// Page makes the answer to a list: the items under their plural, a link to the rest when there are
// more, and a notice when not all that the caller may see was considered.
func Page[T, V any](at answer.Endpoint, r *http.Request, plural string, rows store.Page[T], view func(T) V) any {
	items := rows.Items
	of := answer.List{Plural: plural, Count: len(items), Item: func(i int) any {
		var gone T
		v := view(items[i])
		items[i] = gone // it is not needed any more
		return v
	}}
	if rows.Notice != "" {
		of.Rest = append(of.Rest, answer.Member{Name: "notice", Value: rows.Notice})
	}
	if rows.Next != "" {
		values := r.URL.Query()
		values.Set("marker", rows.Next)
		next := at.Of(r) + r.URL.Path + "?" + values.Encode()
		of.Rest = append(of.Rest, answer.Member{Name: "next", Value: next},
			answer.Member{Name: plural + "_links", Value: []answer.Link{{Rel: "next", Href: next}}})
	}
	return of
}
