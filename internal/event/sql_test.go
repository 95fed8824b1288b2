package event

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMistakesInSQL(t *testing.T) {
	for _, c := range []struct{ sql, says string }{
		{`(id = '1'`, `its end is where there should be an operator or )`},
		{`id id`, `"id" (character 4) is where there should be an operator or the end`},
		{`id =`, "its end is where there should be an attribute"},
		{`NOT`, "its end is where"},
		{`) (`, `")" (character 1)`},
		{`'abc`, "begins at character 1 does not end"},
		{`'abc\'`, "does not end"},
		{`id = 'a' # b`, `nothing to begin with "#", at character 10`},
		{`data.state = 'x'`, `has the dialect "data"`},
		{`data = 'x'`, `has the dialect "data"`},
		{`projectid.x`, `has the dialect "data"`},
		{`id LIKE 5`, "the pattern of LIKE"},
		{`id IN ()`, "the list after IN is empty"},
		{`id IN ('a' 'b')`, `where there should be , or )`},
		{`id NOT 'a'`, `"NOT"`},
		{`FOO(id)`, "there is no function FOO with 1 arguments, which is called at character 1"},
		{`LENGTH()`, "no function LENGTH with 0"},
		{`2147483648 = 1`, `"2147483648" (character 1) is no integer of 32 bits`},
		{`project_id = '1'`, "no name of an attribute"},
		{`+id`, "a number"},
		{`EXISTS 'id'`, "the name of an attribute"},
		{`ıd = 'a'`, `nothing to begin with "ı"`},
	} {
		filter, _ := json.Marshal([]map[string]string{{"sql": c.sql}})
		if _, err := ParseFilter(filter); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", c.sql, err, c.says)
		}
	}
}

// TestPrecedenceOfSQL holds the own parser to the grammar where the conformance tests do not.
func TestPrecedenceOfSQL(t *testing.T) {
	for sql, want := range map[string]any{
		"1 + 2 * 3": int32(7), "(1 + 2) * 3": int32(9), "10 - 3 - 2": int32(5), "100 / 10 / 5": int32(2), "1-1": int32(0),
		"- 2 + 3": int32(1), "-2147483648": int32(-2147483648), "+5": int32(5), "- - 2": int32(2),
		"2 = 1 + 1": true, "FALSE AND FALSE OR TRUE": false, "TRUE XOR TRUE XOR TRUE": true,
		"NOT FALSE = TRUE": true, "NOT 'a' = 'a' OR TRUE": nil, "'a' LIKE 'a' = TRUE": true, "2 * 3 IN (6)": int32(0),
		"1 NOT IN (2, 3)": true, "'abc' NOT LIKE 'a_c'": false, "1 < 2 = TRUE": true, "-1 IN (-1)": true,
		"'it''s' = \"it''s\"": true, `'it\'s' = "it's"`: true, `"\"" = '"'`: true,
		"'a' LIKE '%' IN (TRUE)": true, "1 IN (1) LIKE 'true'": true, "TRUE = 'true' LIKE 'true'": true,
	} {
		e, _, err := compile(sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if got, err := e.Evaluate(sample()); want != nil && (got != want || err != nil) || want == nil && err == nil {
			t.Errorf("%s is %v, %v; want %v", sql, got, err, want)
		}
	}
}

func TestLike(t *testing.T) {
	for _, c := range []struct {
		text, pattern string
		want          bool
	}{
		{"", "", true}, {"", "%", true}, {"", "_", false}, {"a", "", false}, {"abc", "a%", true}, {"abc", "%c", true},
		{"abc", "%b%", true}, {"abc", "a_c", true}, {"abc", "a_", false}, {"abc", "%%c%%", true}, {"abcabc", "a%bc", true},
		{"%x", "%", true}, {"a%b", `a\%b`, true}, {"axb", `a\%b`, false}, {"a_b", `a\_b`, true}, {"äöü", "ä_ü", true},
		{"äöü", "___", true}, {"äöü", "%ü", true}, {"a\\b", `a\b`, true}, {"a\\", `a\`, true}, {"aab", "%ab", true},
		{"aaab", "%a%ab", true}, {"mississippi", "m%iss%pi", true}, {"mississippi", "m%iss%pa", false},
	} {
		if got := like(c.text, parsePattern(c.pattern)); got != c.want {
			t.Errorf("%q LIKE %q is %t", c.text, c.pattern, got)
		}
	}
}

// TestHostileSQL has the engine evaluate what would keep it busy: it is refused, or what it costs
// is within the bound that was worked out.
func TestHostileSQL(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat("CONCAT(id,", n) + "id" + strings.Repeat(")", n) + " = 'x'"
	}
	for _, c := range []struct {
		name, sql string
		refused   bool
	}{
		{"long pattern", "id LIKE '" + strings.Repeat("%a", 1000) + "'", true},
		{"pattern on a long text", "CONCAT(" + strings.Repeat("id,", 300) + "id) LIKE '" + strings.Repeat("%a", 400) + "'",
			true},
		{"texts in texts", nested(100), true},
		{"separators", "CONCAT_WS(id" + strings.Repeat(",''", 400) + ") = 'x'", true},
		{"copies of copies", strings.Repeat("UPPER(", 250) + "CONCAT(id,id,id,id)" + strings.Repeat(")", 250) + " = 'x'",
			true},
		{"a few", nested(20), false},
		{"a pattern", "subject LIKE '%" + strings.Repeat("a%", 100) + "'", false},
		{"brackets", strings.Repeat("(", 1000) + "TRUE" + strings.Repeat(")", 1000), false},
		{"NOT", strings.Repeat("NOT ", 500) + "TRUE", false},
		{"minus", strings.Repeat("-", 1000) + " 1", false},
		{"AND", strings.Repeat("TRUE AND ", 220) + "TRUE", false},
		{"functions", strings.Repeat("ABS(", 400) + "1" + strings.Repeat(")", 400), false},
	} {
		filter, _ := json.Marshal([]map[string]string{{"sql": c.sql}})
		f, err := ParseFilter(filter)
		if c.refused != (err != nil) {
			t.Errorf("%s: %v; refused should be %t", c.name, err, c.refused)
		}
		if c.refused {
			if err != nil && !strings.Contains(err.Error(), "too long to evaluate") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if _, err := f.Match(sample()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// What each of many costs adds up.
	one := `{"sql": "subject LIKE '%` + strings.Repeat("a%", 25) + `'"}`
	if _, err := ParseFilter(json.RawMessage("[" + strings.Repeat(one+",", 3) + one + "]")); err != nil {
		t.Error(err)
	}
	if _, err := ParseFilter(json.RawMessage("[" + strings.Repeat(one+",", 9) + one + "]")); err == nil {
		t.Error("ten expensive expressions are taken")
	}
}
