package api

import (
	"bufio"
	"context"
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// listAnswer is 200 with a list as JSON, which is written item by item: neither the views of all
// items nor their JSON is ever in memory as a whole.
type listAnswer struct {
	plural string
	count  int
	item   func(i int) any // returns the view of an item, once for each in turn
	rest   []member        // of the object, after the items
}

// member is one member of a JSON object.
type member struct {
	name  string
	value any
}

const (
	// rowCost is about what an item takes in memory besides its long texts.
	rowCost = 1 << 10
	// largestRow is about what an item takes at most: the database cuts long texts.
	largestRow = 10 << 10
)

// listOf is what there is to say of one kind of list.
type listOf[T, V any] struct {
	plural string // what its items are called in the answer
	rule   string // who may list the items of other projects
	read   func(context.Context, faas.Scope, faas.Query) (store.Page[T], error)
	view   func(T) V
	texts  func(T) int // returns how many bytes an item's long texts have
}

// answerList answers a request for a list.
func answerList[T, V any](ls lists, r *http.Request, id faas.Identity, of listOf[T, V]) (any, error) {
	l, scope, err := ls.read(r, id, of.rule)
	if err != nil {
		return nil, err
	}
	rows, err := readList(r, l.query, of.texts, func() (store.Page[T], error) {
		return of.read(r.Context(), scope, l.query)
	})
	if err != nil {
		return nil, err
	}
	return page(ls.endpoint, r, of.plural, rows, of.view), nil
}

// readList reads a list when there is room for as much as its query may find, and counts what it
// has found. texts returns how many bytes an item's long texts have.
func readList[T any](
	r *http.Request, q faas.Query, texts func(T) int, read func() (store.Page[T], error),
) (store.Page[T], error) {
	grant := infoOf(r).grant
	before := grant.held()
	if err := grant.await(r.Context(), int64(q.Limit)*largestRow); err != nil {
		return store.Page[T]{}, err
	}
	rows, err := read()
	size := int64(0)
	for _, item := range rows.Items {
		size += rowCost + int64(texts(item))
	}
	grant.giveBack(grant.held() - before - size)
	return rows, err
}

// page makes the answer to a list: the items under their plural, a link to the rest when there are
// more, and a notice when not all that the caller may see was considered.
func page[T, V any](at endpoint, r *http.Request, plural string, rows store.Page[T], view func(T) V) any {
	items := rows.Items
	answer := listAnswer{plural: plural, count: len(items), item: func(i int) any {
		var gone T
		v := view(items[i])
		items[i] = gone // it is not needed any more
		return v
	}}
	if rows.Notice != "" {
		answer.rest = append(answer.rest, member{"notice", rows.Notice})
	}
	if rows.Next != "" {
		values := r.URL.Query()
		values.Set("marker", rows.Next)
		next := at.of(r) + r.URL.Path + "?" + values.Encode()
		answer.rest = append(answer.rest, member{"next", next}, member{plural + "_links", []link{{Rel: "next", Href: next}}})
	}
	return answer
}

// writeList writes a list. A reader that has left ends it.
func (a *responder) writeList(w http.ResponseWriter, r *http.Request, list listAnswer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(w, writeChunk)
	err := list.writeTo(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		a.log.Debug("the caller did not take the answer", "request_id", infoOf(r).id, "error", err)
	}
}

// writeTo writes the list. A bufio.Writer keeps its first error and returns it from every write
// that follows, so the values' writes report those of the punctuation between them.
func (a listAnswer) writeTo(out *bufio.Writer) error {
	if err := writeAfter(out, "{", a.plural); err != nil {
		return err
	}
	before := ":["
	for i := range a.count {
		if err := writeAfter(out, before, a.item(i)); err != nil {
			return err
		}
		before = ","
	}
	if a.count == 0 {
		_, _ = out.WriteString(before)
	}
	_ = out.WriteByte(']')
	for _, m := range a.rest {
		if err := writeAfter(out, ",", m.name); err != nil {
			return err
		}
		if err := writeAfter(out, ":", m.value); err != nil {
			return err
		}
	}
	return out.WriteByte('}')
}

// writeAfter writes punctuation and a value, which can always be JSON.
func writeAfter(out *bufio.Writer, before string, v any) error {
	text, err := faas.PlainJSON(v)
	if err != nil {
		return err
	}
	_, _ = out.WriteString(before)
	_, err = out.Write(text)
	return err
}
