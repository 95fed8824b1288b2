package agent_test

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// languageCase is one function and what comes of calling it.
type languageCase struct {
	name       string
	body       string // of the main module
	extra      files
	entry      string // "main.f" when empty
	input      string
	output     string // what it returns, as JSON
	failed     string // or a part of the message it fails with
	orFailed   string // or of this one
	raised     string // the type and the message of what it raises, "TYPE: MESSAGE"; "" for no matter
	log        string // a part of the log
	lacks      string // what the log must not hold
	unlessRoot bool   // the case says nothing when the runtime runs as root
}

func runCases(t *testing.T, runtime, mainFile string, cases []languageCase) {
	each(t, func(t *testing.T, begin beginner) { runCasesOf(t, begin, runtime, mainFile, cases) })
}

func runCasesOf(t *testing.T, begin beginner, runtime, mainFile string, cases []languageCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.unlessRoot && os.Getuid() != 0 {
				t.Skip("the package's owner runs this test")
			}
			content := files{mainFile: c.body, "data.txt": "d"}
			maps.Copy(content, c.extra)
			entry := c.entry
			if entry == "" {
				entry = "main.f"
			}
			r := begin(t, runtime, nil).specialise(entry, content)
			for range 2 { // the second call finds what the first left
				check(t, c, r.call(c.input))
			}
			if s := r.status(); s.State != faas.WorkerSpecialised || s.Busy != 0 {
				t.Errorf("the worker is %+v", s)
			}
		})
	}
}

func check(t *testing.T, c languageCase, out faas.Outcome) {
	t.Helper()
	if c.failed == "" {
		if out.Status != faas.ExecutionSuccess || !sameJSON(t, out.Output, c.output) {
			t.Errorf("got %s %s, want %s; log:\n%s", out.Status, out.Output, c.output, out.Log)
		}
	} else {
		message := ""
		if err := json.Unmarshal(out.Output, &message); err != nil {
			t.Errorf("output %.200s: %v", out.Output, err)
		}
		said := strings.Contains(message, c.failed) || c.orFailed != "" && strings.Contains(message, c.orFailed)
		if out.Status != faas.ExecutionFailed || !said {
			t.Errorf("got %s %.300s, want it to fail with %q; log:\n%s", out.Status, message, c.failed, out.Log)
		}
	}
	if c.raised != "" && (out.Error == nil || out.Error.Type+": "+out.Error.Message != c.raised) {
		t.Errorf("raised %+v, want %s", out.Error, c.raised)
	}
	if c.failed == "" && out.Error != nil {
		t.Errorf("success with %+v", out.Error)
	}
	if c.name != "print when importing" && !strings.Contains(out.Log, c.log) {
		t.Errorf("log %q lacks %q", out.Log, c.log)
	}
	if c.lacks != "" && strings.Contains(out.Log, c.lacks) {
		t.Errorf("log %q holds %q", out.Log, c.lacks)
	}
	if out.Duration <= 0 {
		t.Errorf("duration %v", out.Duration)
	}
}

func sameJSON(t *testing.T, a json.RawMessage, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func text(t *testing.T, output json.RawMessage) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(output, &s); err != nil {
		t.Fatalf("%s is no text", output)
	}
	return s
}
