package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// What a filter may be. Together they bound what Match costs.
const (
	MaxFilter      = 8 << 10 // bytes
	maxFilterDepth = 8       // lists and objects within each other
	maxFilterTests = 64      // expressions, each attribute or path of one counted
	maxSQL         = 2 << 10 // bytes of one expression in SQL
)

// Filter says which events are wanted. It is for any number of goroutines.
type Filter struct {
	tests []test
}

// test is one expression.
type test interface {
	match(v *view) (bool, error)
}

// ParseFilter reads a list of filter expressions in the dialects of CloudEvents' Subscriptions API,
// and in the dialect "data". No list is no filter: nil, which every event passes.
func ParseFilter(raw json.RawMessage) (*Filter, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if len(raw) > MaxFilter {
		return nil, faas.Errorf(faas.Invalid, "the filter is %d bytes, more than the %d that may be", len(raw), MaxFilter)
	}
	p := filterParser{}
	tests, err := p.list("filter", raw, 0)
	if err != nil {
		return nil, faas.Errorf(faas.Invalid, "%s", err)
	}
	return &Filter{tests}, nil
}

// Match reports whether the event passes the filter. An event does not pass a filter that cannot be
// evaluated for it; the error then says why.
func (f *Filter) Match(e Event) (bool, error) {
	if f == nil {
		return true, nil
	}
	if err := checkSize(e); err != nil { // which what evaluating may cost was worked out for
		return false, err
	}
	return all(f.tests).match(&view{event: e})
}

// filterParser reads expressions. The first argument of its methods says where in the filter the
// reader is, as in filter[0].any[2].sql.
type filterParser struct {
	tests int
	cost  int // of all SQL
}

func (p *filterParser) list(at string, raw json.RawMessage, depth int) ([]test, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || items == nil {
		return nil, fmt.Errorf("%s is no list of expressions: %s", at, clip(string(raw)))
	}
	tests := make([]test, len(items))
	for i, item := range items {
		var err error
		if tests[i], err = p.one(fmt.Sprintf("%s[%d]", at, i), item, depth+1); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

const dialects = "exact, prefix, suffix, all, any, not, sql or data"

func (p *filterParser) one(at string, raw json.RawMessage, depth int) (test, error) {
	if depth > maxFilterDepth {
		return nil, fmt.Errorf("%s is deeper than the %d levels that may be", at, maxFilterDepth)
	}
	dialect, value, err := only(at, raw, dialects)
	if err != nil {
		return nil, err
	}
	at += "." + dialect
	switch dialect {
	case "exact", "prefix", "suffix":
		return p.attributes(at, dialect, value)
	case "data":
		return p.data(at, value)
	case "sql":
		return p.sql(at, value)
	case "not":
		inner, err := p.one(at, value, depth+1)
		return not{inner}, err
	case "all", "any":
		tests, err := p.list(at, value, depth)
		if err == nil && len(tests) == 0 {
			err = fmt.Errorf("%s is empty: give it one expression at least", at)
		}
		if dialect == "all" {
			return all(tests), err
		}
		return anyOf(tests), err
	}
	return nil, fmt.Errorf("%s is no dialect of filters: %s is", at, dialects)
}

// only returns the one member of an object that has exactly one.
func only(at string, raw json.RawMessage, names string) (string, json.RawMessage, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) == nil && len(members) == 1 {
		for name, value := range members {
			return clip(name), value, nil
		}
	}
	return "", nil, fmt.Errorf("%s is no object with exactly one key, %s: %s", at, names, clip(string(raw)))
}

func (p *filterParser) count(at string) error {
	if p.tests++; p.tests > maxFilterTests {
		return fmt.Errorf("%s is one expression more than the %d that a filter may have", at, maxFilterTests)
	}
	return nil
}

// attributes reads {"NAME": "TEXT"}: the event must have each of the attributes so.
func (p *filterParser) attributes(at, dialect string, raw json.RawMessage) (test, error) {
	var texts map[string]any
	if err := json.Unmarshal(raw, &texts); err != nil || len(texts) == 0 {
		return nil, fmt.Errorf("%s is no object of attributes and texts: %s", at, clip(string(raw)))
	}
	var tests all
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := checkName(name); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		text, ok := texts[name].(string)
		if !ok || text == "" {
			return nil, fmt.Errorf("%s.%s is no text, or an empty one: attributes are compared as texts", at, name)
		}
		if err := p.count(at + "." + name); err != nil {
			return nil, err
		}
		tests = append(tests, attributeTest{name, text, comparisons[dialect]})
	}
	return tests, nil
}

var comparisons = map[string]func(s, with string) bool{
	"exact":  func(s, with string) bool { return s == with },
	"prefix": strings.HasPrefix,
	"suffix": strings.HasSuffix,
}

type attributeTest struct {
	name, text string
	compare    func(s, with string) bool
}

func (t attributeTest) match(v *view) (bool, error) {
	value, ok := attribute(v.event, t.name)
	return ok && t.compare(value, t.text), nil
}

type all []test

func (t all) match(v *view) (bool, error) {
	for _, one := range t {
		if ok, err := one.match(v); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

type anyOf []test

// match looks past expressions that cannot be evaluated: one that matches is enough.
func (t anyOf) match(v *view) (bool, error) {
	var first error
	for _, one := range t {
		ok, err := one.match(v)
		if ok && err == nil {
			return true, nil
		}
		if first == nil {
			first = err
		}
	}
	return false, first
}

type not struct{ test }

// match keeps what cannot be evaluated from becoming what matches.
func (t not) match(v *view) (bool, error) {
	ok, err := t.test.match(v)
	return !ok && err == nil, err
}
