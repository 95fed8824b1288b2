package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page of the documentation is what the rules say.
func TestPolicyDocsAreCurrent(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"policy", "docs"}, nil, &out); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/admin/policy-rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, out.Bytes()) {
		t.Errorf(
			"docs/admin/policy-rules.md is not what the rules say: go run ./cmd/faas-manage policy docs > docs/admin/policy-rules.md\n%s",
			out.String(),
		)
	}
}

// TestEachRuleHasCalls knows the rules that no route asks.
func TestEachRuleHasCalls(t *testing.T) {
	var out bytes.Buffer
	if err := policyDocs(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| `") && !strings.Contains(line, " /v1/") {
			t.Errorf("a rule without a call: %s", line)
		}
	}
}

func TestPolicyListHasTheOperatorsRules(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "site.yaml"), []byte("function:create: [manager]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"policy", "list"}, []string{"FAAS_OSLO_POLICY_POLICY_DIRS=" + dir}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "| `function:create` | `POST /v1/functions` | | | yes | yes | | | |\n") {
		t.Errorf("got %s", out.String())
	}
	if err := os.WriteFile(filepath.Join(dir, "site.yaml"), []byte("function:create: [boss]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"policy", "list"}, []string{"FAAS_OSLO_POLICY_POLICY_DIRS=" + dir}, &out)
	if err == nil || !strings.Contains(err.Error(), "site.yaml:1: ") {
		t.Errorf("a broken file gives %v", err)
	}
}
