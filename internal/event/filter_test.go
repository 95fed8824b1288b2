package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// sample is an event with some of everything.
func sample() Event {
	e := New()
	e.SetID("42")
	e.SetType("org.openstack.compute.instance.create.end")
	e.SetSource("/compute/host-1")
	e.SetSubject("server/0815")
	e.SetTime(time.Date(2026, 11, 29, 22, 5, 0, 123000, time.UTC))
	e.SetDataContentType("application/json")
	e.SetExtension("projectid", "p1")
	e.SetExtension("vcpus", 4)
	e.SetExtension("urgent", true)
	e.DataEncoded = []byte(`{"state": "active", "size": {"name": "m1.tiny", "ram": 512, "cost": 1.50, "public": false},
		"id": 9007199254740993, "image": null, "a.b": {"c\\": "dots"}, "ports": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}`)
	return e
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   bool
	}{
		{``, true},
		{`null`, true},
		{`[]`, true},
		{`[{"exact": {"id": "42"}}]`, true},
		{`[{"exact": {"id": "4"}}]`, false},
		{`[{"exact": {"id": "42", "projectid": "p1", "vcpus": "4", "urgent": "true"}}]`, true},
		{`[{"exact": {"id": "42", "projectid": "p2"}}]`, false},
		{`[{"exact": {"nothere": "x"}}]`, false},
		{`[{"exact": {"specversion": "1.0", "time": "2026-11-29T22:05:00.000123Z"}}]`, true},
		{`[{"prefix": {"type": "org.openstack.compute."}}]`, true},
		{`[{"prefix": {"type": "org.openstack.network."}}]`, false},
		{`[{"suffix": {"type": ".end", "source": "-1"}}]`, true},
		{`[{"suffix": {"type": ".start"}}]`, false},
		{`[{"prefix": {"type": "org."}}, {"suffix": {"type": ".start"}}]`, false},
		{`[{"all": [{"prefix": {"type": "org."}}, {"suffix": {"type": ".end"}}]}]`, true},
		{`[{"any": [{"exact": {"id": "1"}}, {"exact": {"id": "42"}}]}]`, true},
		{`[{"any": [{"exact": {"id": "1"}}, {"exact": {"id": "2"}}]}]`, false},
		{`[{"not": {"exact": {"id": "1"}}}]`, true},
		{`[{"not": {"any": [{"exact": {"id": "42"}}, {"exact": {"id": "1"}}]}}]`, false},
		{`[{"sql": "type LIKE 'org.openstack.%.end' AND vcpus >= 4"}]`, true},
		{`[{"sql": "EXISTS nothere"}]`, false},
		{`[{"sql": "subject IN ('server/1', CONCAT('server', '/', '0815'))"}]`, true},
		{`[{"sql": "vcpus"}]`, true},
		{`[{"sql": "vcpus -4"}]`, false},
		{`[{"sql": "NOT (urgent AND vcpus > 4)"}, {"exact": {"id": "42"}}]`, true},
		// One that matches is enough, though another cannot be evaluated.
		{`[{"any": [{"sql": "nothere = 1"}, {"exact": {"id": "42"}}]}]`, true},
		{`[{"any": [{"exact": {"id": "42"}}, {"sql": "nothere = 1"}]}]`, true},
		{`[{"data": {"exact": {"state": "active"}}}]`, true},
		{`[{"data": {"exact": {"state": "error"}}}]`, false},
		{`[{"data": {"exact": {"size.name": "m1.tiny", "size.ram": 512, "size.public": false, "image": null}}}]`, true},
		{`[{"data": {"exact": {"size.ram": "512"}}}]`, false},
		{`[{"data": {"exact": {"size.ram": 512.0, "size.cost": 1.5}}}]`, true},
		{`[{"data": {"exact": {"id": 9007199254740993}}}]`, true},
		{`[{"data": {"exact": {"id": 9007199254740992}}}]`, false},
		{`[{"data": {"exact": {"size.public": true}}}]`, false},
		{`[{"data": {"exact": {"size": null}}}]`, false},
		{`[{"data": {"exact": {"nothere": null}}}]`, false},
		{`[{"data": {"exact": {"state.deeper": "x"}}}]`, false},
		{`[{"not": {"data": {"exact": {"nothere": "x"}}}}]`, true},
		{`[{"data": {"prefix": {"size.name": "m1."}}}]`, true},
		{`[{"data": {"suffix": {"ports.1.ip": ".2"}}}]`, true},
		{`[{"data": {"exact": {"ports.2.ip": "10.0.0.2"}}}]`, false},
		{`[{"data": {"exact": {"ports.-1.ip": "10.0.0.2"}}}]`, false},
		{`[{"data": {"exact": {"a\\.b.c\\\\": "dots"}}}]`, true},
	} {
		f, err := ParseFilter(json.RawMessage(c.filter))
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got, err := f.Match(sample()); got != c.want || err != nil {
			t.Errorf("%s: %t, %v; want %t", c.filter, got, err, c.want)
		}
	}
}

// TestFilterThatCannotBeEvaluated looks for two things: no match, whatever is around it, and a
// reason.
func TestFilterThatCannotBeEvaluated(t *testing.T) {
	for _, c := range []struct{ filter, says string }{
		{`[{"sql": "nothere = 1"}]`, "filter[0].sql cannot be evaluated: missing attribute error: nothere"},
		{`[{"not": {"sql": "nothere = 1"}}]`, "filter[0].not.sql"},
		{`[{"not": {"not": {"sql": "nothere = 1"}}}]`, "filter[0].not.not.sql"},
		{`[{"any": [{"sql": "subject"}, {"exact": {"id": "1"}}]}]`, "filter[0].any[0].sql cannot be evaluated: cast error"},
		{`[{"exact": {"id": "42"}}, {"sql": "1 / 0 = 1"}]`, "division by zero"},
		{`[{"sql": "INT(subject) > 1"}]`, "cast error"},
		// The library slices as it is told.
		{`[{"sql": "SUBSTRING(subject, 3, -2) = 'x'"}]`, "out of range"},
		{`[{"not": {"sql": "SUBSTRING(subject, 3, -2) = 'x'"}}]`, "out of range"},
	} {
		f, err := ParseFilter(json.RawMessage(c.filter))
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if ok, err := f.Match(sample()); ok || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %t, %v; want an error with %q", c.filter, ok, err, c.says)
		}
	}
	f, _ := ParseFilter(json.RawMessage(`[{"data": {"exact": {"a": 1}}}]`))
	e := sample()
	e.DataEncoded = []byte(`{"a": 1, "b": "` + strings.Repeat("x", maxFilterData) + `"}`)
	if ok, err := f.Match(e); ok || err == nil {
		t.Errorf("data of %d bytes: %t, %v", len(e.DataEncoded), ok, err)
	}
	e = WithDepth(sample(), 1)
	e.SetSubject(strings.Repeat("x", MaxAttributes))
	if ok, err := f.Match(e); ok || err == nil {
		t.Errorf("long attributes: %t, %v", ok, err)
	}
}

func TestFilterOnDataThatIsNoJSON(t *testing.T) {
	f, _ := ParseFilter(json.RawMessage(`[{"data": {"exact": {"a": 1}}}]`))
	for _, c := range []struct{ media, data string }{
		{"text/plain", `{"a": 1}`}, {"application/json", `{"a": 1`}, {"application/json", ``}, {"application/json", `[1]`},
	} {
		e := sample()
		e.SetDataContentType(c.media)
		e.DataEncoded = []byte(c.data)
		if ok, err := f.Match(e); ok || err != nil {
			t.Errorf("%s %s: %t, %v", c.media, c.data, ok, err)
		}
	}
	e := sample()
	e.SetDataContentType("application/vnd.x+json; charset=utf-8")
	e.DataEncoded = []byte(`{"a": 1}`)
	if ok, err := f.Match(e); !ok || err != nil {
		t.Errorf("anything+json: %t, %v", ok, err)
	}
}

func TestFilterThatIsNone(t *testing.T) {
	deep := strings.Repeat(`{"not": `, 9) + `{"exact": {"id": "1"}}` + strings.Repeat(`}`, 9)
	many := strings.Repeat(`{"exact": {"id": "1"}},`, 64) + `{"exact": {"id": "1"}}`
	for _, c := range []struct{ filter, says string }{
		{`{}`, "filter is no list"},
		{`"x"`, "filter is no list"},
		{`[`, "filter is no list"},
		{`[null]`, "filter[0] is no object with exactly one key"},
		{`[{}]`, "filter[0] is no object with exactly one key"},
		{`[{"exact": {"id": "1"}, "prefix": {"id": "1"}}]`, "exactly one key"},
		{`[{"exakt": {"id": "1"}}]`, "filter[0].exakt is no dialect"},
		{`[{"exact": {}}]`, "filter[0].exact is no object"},
		{`[{"exact": {"Id": "1"}}]`, `"Id" is no name of an attribute`},
		{`[{"exact": {"project_id": "1"}}]`, `"project_id" is no name`},
		{`[{"exact": {"data": "1"}}]`, `has the dialect "data"`},
		{`[{"exact": {"vcpus": 4}}]`, "filter[0].exact.vcpus is no text"},
		{`[{"exact": {"id": ""}}]`, "an empty one"},
		{`[{"all": []}]`, "filter[0].all is empty"},
		{`[{"any": {}}]`, "filter[0].any is no list"},
		{`[{"all": [{"not": [1]}]}]`, "filter[0].all[0].not is no object"},
		{`[` + deep + `]`, "deeper than the 8 levels"},
		{`[` + many + `]`, "more than the 64"},
		{`["` + strings.Repeat("x", MaxFilter) + `"]`, "more than the 8192"},
		{`[{"sql": 1}]`, "filter[0].sql is no text"},
		{`[{"sql": ""}]`, "an empty one"},
		{`[{"sql": "` + strings.Repeat("1 = 1 AND ", 250) + `TRUE"}]`, "more than the 2048"},
		{`[{"data": {"exact": {}}}]`, "filter[0].data.exact is no object of paths"},
		{`[{"data": {"equal": {"a": "b"}}}]`, "none of exact, prefix and suffix"},
		{`[{"data": {"exact": {"a": {}}}}]`, "filter[0].data.exact.a is not what exact compares with"},
		{`[{"data": {"prefix": {"a": 1}}}]`, "not what prefix compares with"},
		{`[{"data": {"exact": {"a..b": 1}}}]`, `"a..b" is no path`},
		{`[{"data": {"exact": {"": 1}}}]`, `"" is no path`},
	} {
		_, err := ParseFilter(json.RawMessage(c.filter))
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.200s: %v; want Invalid with %q", c.filter, err, c.says)
		}
	}
}

// TestFilterOfManyGoroutines is for the race detector.
func TestFilterOfManyGoroutines(t *testing.T) {
	f, err := ParseFilter(json.RawMessage(`[{"sql": "UPPER(type) LIKE '%.END' AND LENGTH(id) IN (1, 2)"},
		{"not": {"exact": {"id": "1"}}}, {"data": {"exact": {"size.ram": 512}}}]`))
	if err != nil {
		t.Fatal(err)
	}
	e := sample() // which they share, too
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if ok, err := f.Match(e); !ok || err != nil {
					t.Errorf("%t, %v", ok, err)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkFilter(b *testing.B) {
	worst := sample()
	worst.SetSubject(strings.Repeat("a", MaxAttributes-400))
	for _, c := range []struct {
		name, filter string
		event        Event
	}{
		{"none", `[]`, sample()},
		{"exact", `[{"exact": {"type": "org.openstack.compute.instance.create.end"}}]`, sample()},
		{"prefix", `[{"prefix": {"type": "org.openstack.compute."}}]`, sample()},
		{"suffix", `[{"suffix": {"type": ".end"}}]`, sample()},
		{"all", `[{"all": [{"exact": {"projectid": "p1"}}, {"suffix": {"type": ".end"}}]}]`, sample()},
		{"any", `[{"any": [{"exact": {"projectid": "p2"}}, {"suffix": {"type": ".end"}}]}]`, sample()},
		{"not", `[{"not": {"exact": {"projectid": "p2"}}}]`, sample()},
		{"sql", `[{"sql": "type LIKE 'org.openstack.%.end' AND vcpus >= 4"}]`, sample()},
		{"data", `[{"data": {"exact": {"size.name": "m1.tiny"}}}]`, sample()},
		{"worst", fmt.Sprintf(`[{"sql": "subject LIKE '%%%sb'"}]`, strings.Repeat("a", 250)), worst},
	} {
		b.Run(c.name, func(b *testing.B) {
			f, err := ParseFilter(json.RawMessage(c.filter))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := f.Match(c.event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	f.Add([]byte(`[{"exact": {"id": "42"}}, {"any": [{"prefix": {"type": "a"}}, {"not": {"suffix": {"type": "b"}}}]}]`))
	f.Add([]byte(`[{"sql": "NOT EXISTS x OR -INT(id) * 2 < 5 AND SUBSTRING(type, 2, 3) NOT LIKE '%a\\_'"},
		{"sql": "FALSE XOR id IN ('a', \"b\")"}]`))
	f.Add([]byte(`[{"data": {"exact": {"size.ram": 512, "a\\.b": null, "ports.0.ip": "x"}}}]`))
	e := sample()
	f.Fuzz(func(t *testing.T, raw []byte) {
		filter, err := ParseFilter(raw)
		if err != nil {
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("blames us: %v", err)
			}
			return
		}
		ok, err := filter.Match(e)
		if ok && err != nil {
			t.Errorf("matches and cannot be evaluated: %v", err)
		}
		again, err2 := filter.Match(e)
		if ok != again || (err == nil) != (err2 == nil) {
			t.Errorf("%t, %v and then %t, %v", ok, err, again, err2)
		}
	})
}
