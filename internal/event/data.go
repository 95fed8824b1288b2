package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxFilterData bounds the JSON data that a filter looks into: it is looked at for each of its
// paths.
const maxFilterData = 256 << 10

// view is an event that is looked at.
type view struct {
	event   Event
	checked bool
	isJSON  bool // whether the data is; known once checked
}

// at returns the JSON at the path in the event's data; ok is false when nothing is there.
func (v *view) at(path dataPath) (value json.RawMessage, ok bool) {
	if !v.checked {
		v.checked, v.isJSON = true, hasJSON(v.event)
	}
	if !v.isJSON {
		return nil, false
	}
	return find(v.event.DataEncoded, path)
}

// dataPath leads into JSON data: names of members, and numbers of items from 0 on.
type dataPath []string

// parsePath reads names with dots between them. A dot that belongs to a name is written \., and a
// backslash \\.
func parsePath(text string) (dataPath, error) {
	var path dataPath
	var name strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '.' || text[i+1] == '\\'):
			i++
			name.WriteByte(text[i])
		case c == '.':
			path = append(path, name.String())
			name.Reset()
		default:
			name.WriteByte(c)
		}
	}
	path = append(path, name.String())
	if slices.Contains(path, "") {
		return nil, fmt.Errorf("%q is no path into data: that is names with dots between them, as in object.name",
			clip(text))
	}
	return path, nil
}

// data reads {"exact": {"PATH": VALUE}}, or prefix or suffix with texts: the data must have each
// so.
func (p *filterParser) data(at string, raw json.RawMessage) (test, error) {
	dialect, raw, err := only(at, raw, "exact, prefix or suffix")
	if err != nil {
		return nil, err
	}
	at += "." + dialect
	compare, ok := comparisons[dialect]
	if !ok {
		return nil, fmt.Errorf("%s is none of exact, prefix and suffix", at)
	}
	var wanted map[string]any
	from := json.NewDecoder(bytes.NewReader(raw))
	from.UseNumber()
	if err := from.Decode(&wanted); err != nil || len(wanted) == 0 {
		return nil, fmt.Errorf("%s is no object of paths and values: %s", at, clip(string(raw)))
	}
	var tests all
	for _, text := range slices.Sorted(maps.Keys(wanted)) {
		path, err := parsePath(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		if err := p.count(at + "." + clip(text)); err != nil {
			return nil, err
		}
		switch value := wanted[text].(type) {
		case string:
			tests = append(tests, dataText{path, value, compare})
			continue
		case json.Number:
			if dialect == "exact" {
				tests = append(tests, dataNumber{path, value})
				continue
			}
		case bool, nil:
			if dialect == "exact" {
				tests = append(tests, dataLiteral{path, string(encode(value))})
				continue
			}
		}
		return nil, fmt.Errorf("%s.%s is not what %s compares with: texts, and of exact numbers, true, false and null",
			at, clip(text), dialect)
	}
	return dataTests{tests}, nil
}

// dataTests are what has to be true of an event's data.
type dataTests struct{ all }

func (t dataTests) match(v *view) (bool, error) {
	if size := len(v.event.DataEncoded); size > maxFilterData {
		return false, faas.Errorf(faas.Invalid, "the event's data is %d bytes; a filter looks into %d at most",
			size, maxFilterData)
	}
	return t.all.match(v)
}

type dataText struct {
	path    dataPath
	text    string
	compare func(s, with string) bool
}

func (t dataText) match(v *view) (bool, error) {
	value, _ := v.at(t.path)
	text, ok := unquoteJSON(value)
	return ok && t.compare(text, t.text), nil
}

// dataLiteral is true, false or null.
type dataLiteral struct {
	path dataPath
	want string
}

// match takes nothing for anything: where null is wanted, null has to be.
func (t dataLiteral) match(v *view) (bool, error) {
	value, ok := v.at(t.path)
	return ok && string(value) == t.want, nil
}

type dataNumber struct {
	path dataPath
	want json.Number
}

func (t dataNumber) match(v *view) (bool, error) {
	value, ok := v.at(t.path)
	if !ok || len(value) > maxNumber || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return false, nil
	}
	return sameNumber(json.Number(value), t.want), nil
}

// maxNumber bounds the digits of a number that is compared.
const maxNumber = 400

// sameNumber compares integers exactly, and others as floating point numbers.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	m, errM := a.Int64()
	n, errN := b.Int64()
	if errM == nil && errN == nil {
		return m == n
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	return errX == nil && errY == nil && x == y
}
