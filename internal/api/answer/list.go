package answer

import (
	"bufio"
	"net/http"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// List is 200 with a list as JSON, which is written item by item: neither the views of all
// items nor their JSON is ever in memory as a whole.
type List struct {
	Plural string
	Count  int
	Item   func(i int) any // returns the view of an item, once for each in turn
	Rest   []Member        // of the object, after the items
}

// Member is one member of a JSON object.
type Member struct {
	Name  string
	Value any
}

// writeList writes a list. A reader that has left ends it.
func (a *Responder) writeList(w http.ResponseWriter, r *http.Request, list List) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(w, writeChunk)
	err := list.writeTo(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		a.Log.Debug("the caller did not take the answer", "request_id", request.Of(r).ID, "error", err)
	}
}

// writeTo writes the list. A bufio.Writer keeps its first error and returns it from every write
// that follows, so the values' writes report those of the punctuation between them.
func (a List) writeTo(out *bufio.Writer) error {
	if err := writeAfter(out, "{", a.Plural); err != nil {
		return err
	}
	before := ":["
	for i := range a.Count {
		if err := writeAfter(out, before, a.Item(i)); err != nil {
			return err
		}
		before = ","
	}
	if a.Count == 0 {
		_, _ = out.WriteString(before)
	}
	_ = out.WriteByte(']')
	for _, m := range a.Rest {
		if err := writeAfter(out, ",", m.Name); err != nil {
			return err
		}
		if err := writeAfter(out, ":", m.Value); err != nil {
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
