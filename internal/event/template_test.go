package event

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestTemplate(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{``, ``},
		{`null`, ``},
		{`{}`, `{}`},
		{`{"a": 1.50, "b": [true, null, [], {}], "c": "x"}`, `{"a":1.50,"b":[true,null,[],{}],"c":"x"}`},
		// Alone, a placeholder is the value with its type.
		{`{"t": "${type}"}`, `{"t":"org.openstack.compute.instance.create.end"}`},
		{`{"n": "${vcpus}", "u": "${urgent}", "p": "${projectid}"}`, `{"n":4,"p":"p1","u":true}`},
		{`{"id": "${data.id}", "cost": "${data.size.cost}"}`, `{"cost":1.50,"id":9007199254740993}`},
		{`{"f": "${data.size}"}`, `{"f":{"name": "m1.tiny", "ram": 512, "cost": 1.50, "public": false}}`},
		{`{"ip": "${data.ports.1.ip}", "no": "${data.ports.7.ip}", "i": "${data.image}", "x": "${dataschema}"}`,
			`{"i":null,"ip":"10.0.0.2","no":null,"x":null}`},
		{`{"d": "${data.a\\.b.c\\\\}"}`, `{"d":"dots"}`},
		// Within a text, it is text.
		{`{"t": "${vcpus} of ${projectid}: ${data.size.ram} ${data.size.public} [${data.image}${data.nothere}${nothere}]"}`,
			`{"t":"4 of p1: 512 false []"}`},
		{`{"t": "ports: ${data.ports}"}`, `{"t":"ports: [{\"ip\": \"10.0.0.1\"}, {\"ip\": \"10.0.0.2\"}]"}`},
		{`{"deep": {"list": ["${id}", {"x": "<${subject}>"}]}}`, `{"deep":{"list":["42",{"x":"<server/0815>"}]}}`},
		{`{"t": "$${id} $ $x ${id} $$ }"}`, `{"t":"${id} $ $x 42 $$ }"}`},
		{`{"t": "$${id}"}`, `{"t":"${id}"}`},
		{`{"${id}": "a key is as it is"}`, `{"${id}":"a key is as it is"}`},
	} {
		template, err := ParseTemplate(json.RawMessage(c.template))
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		if got, err := template.Members(sample()); string(got) != c.want || err != nil {
			t.Errorf("%s makes\n%s, %v; want\n%s", c.template, got, err, c.want)
		}
	}
}

// TestTemplateOfAllData looks at ${data} for each kind of data.
func TestTemplateOfAllData(t *testing.T) {
	template, err := ParseTemplate(json.RawMessage(`{"a": "${data}", "t": "(${data})", "x": "${data.x}"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ media, data, want string }{
		{"application/json", `{"x":  1e2}`, `{"a":{"x":  1e2},"t":"({\"x\":  1e2})","x":1e2}`},
		{"text/plain", `a "b"`, `{"a":"a \"b\"","t":"(a \"b\")","x":null}`},
		{"image/png", "\x89PNG", `{"a":"iVBORw==","t":"(iVBORw==)","x":null}`},
		{"application/json", ``, `{"a":null,"t":"()","x":null}`},
	} {
		e := sample()
		e.SetDataContentType(c.media)
		e.DataEncoded = []byte(c.data)
		if got, err := template.Members(e); string(got) != c.want || err != nil {
			t.Errorf("%s %q makes\n%s, %v; want\n%s", c.media, c.data, got, err, c.want)
		}
	}
}

func TestTemplateThatIsNone(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 17) + `1` + strings.Repeat(`}`, 17)
	for _, c := range []struct{ template, says string }{
		{`[]`, "no JSON object"},
		{`"${id}"`, "no JSON object"},
		{`{`, "template is no JSON"},
		{"{\"a\": \"\xff\"}", "template is no JSON"},
		{`{"__event": 1}`, `"__event" is taken`},
		{`{"__function_input": 1}`, `"__function_input" is taken`},
		{`{"a": {"b": ["${id"]}}`, `template.a.b[0]: "${id" has no }`},
		{`{"a": "${Id}"}`, `${Id}: "Id" is no name of an attribute`},
		{`{"a": "${}"}`, `${}: "" is no name`},
		{`{"a": "${data.}"}`, `"" is no path into data`},
		{`{"a": "${data.a..b}"}`, `"a..b" is no path`},
		{`{"a": "${project_id}"}`, "is no name of an attribute"},
		{deep, "deeper than the 16 levels"},
		{`{"a": ["` + strings.Repeat("${data.x}", 60) + `", "${data.y}"], "b": "${data.z} ${data.z} ${data.z} ${data.z}"}`,
			"has 65 placeholders"},
		{`{"a": "` + strings.Repeat("x", MaxTemplate) + `"}`, "more than the 8192"},
	} {
		_, err := ParseTemplate(json.RawMessage(c.template))
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.200s: %v; want Invalid with %q", c.template, err, c.says)
		}
	}
	if _, err := ParseTemplate(json.RawMessage(`{"a": {"__event": "only the outermost is taken"}}`)); err != nil {
		t.Error(err)
	}
}

// TestTemplateThatBlowsUp has small templates name large data again and again.
func TestTemplateThatBlowsUp(t *testing.T) {
	e := sample()
	e.DataEncoded = []byte(`{"x": "` + strings.Repeat("x", 100<<10) + `"}`)
	for _, template := range []string{
		`{"a": "` + strings.Repeat("${data.x}", 64) + `"}`,
		`{"a": "` + strings.Repeat("${data}", 1000) + `"}`,
		`{"a": [` + strings.Repeat(`"${data.x}",`, 64) + `1]}`,
		`{"a": [` + strings.Repeat(`"${data}",`, 700) + `1]}`,
	} {
		p, err := ParseTemplate(json.RawMessage(template))
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Members(e)
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "more than the 262144") {
			t.Errorf("%.40s makes %d bytes, %v", template, len(got), err)
		}
	}
	p, _ := ParseTemplate(json.RawMessage(`{"a": "${data.x}", "b": "${data.x}"}`))
	if got, err := p.Members(e); err != nil || len(got) < 200<<10 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	e.DataEncoded = []byte(`{"x": "` + strings.Repeat("x", maxTemplateData) + `"}`)
	if _, err := p.Members(e); faas.KindOf(err) != faas.Invalid {
		t.Errorf("data of %d bytes: %v", len(e.DataEncoded), err)
	}
	p, _ = ParseTemplate(json.RawMessage(`{"a": "${id}"}`))
	if _, err := p.Members(e); err != nil {
		t.Errorf("a template that does not look into data: %v", err)
	}
}

func BenchmarkTemplate(b *testing.B) {
	p, err := ParseTemplate(json.RawMessage(`{"id": "${data.id}", "what": "${type} of ${data.size.name}"}`))
	if err != nil {
		b.Fatal(err)
	}
	e := sample()
	for b.Loop() {
		if _, err := p.Members(e); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzTemplate asks that what a template makes is an object that an input can have.
func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"a": "${type} $${x} ${data.a}", "b": ["${data}", {"c": "${vcpus}"}], "d": 1.50}`), []byte(`{"a": 1}`))
	f.Add([]byte(`{"a": "${data.a\\.b.0}${data}"}`), []byte(`{"a.b": ["\ud800", "x"]}`))
	f.Fuzz(func(t *testing.T, raw, data []byte) {
		template, err := ParseTemplate(raw)
		if err != nil {
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("blames us: %v", err)
			}
			return
		}
		e := sample()
		e.DataEncoded = data
		members, err := template.Members(e)
		if err != nil {
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("blames us: %v", err)
			}
			return
		}
		input, err := Input(e, members)
		if err != nil || !json.Valid([]byte(input)) {
			t.Fatalf("%s makes %s, and an input %s, %v", raw, members, input, err)
		}
		if back, ok, err := FromInput(input); !ok || err != nil || string(back.Data()) != string(data) && json.Valid(data) &&
			strings.TrimSpace(string(data)) != string(back.Data()) {
			t.Errorf("%q comes back as %q, %t, %v", data, back.Data(), ok, err)
		}
	})
}
