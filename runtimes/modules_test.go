package runtimes

import (
	"os"
	"strings"
	"testing"
)

// TestModulesAreDocumented holds the user's page against the list of what functions find.
func TestModulesAreDocumented(t *testing.T) {
	list, err := shims.ReadFile("python3/modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/user/python.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Modules\n")
	section, _, _ = strings.Cut(section, "\n## ")
	sentence, _, _ := strings.Cut(section, ". ")
	var listed []string
	for line := range strings.Lines(string(list)) {
		if name := strings.TrimSpace(line); !strings.HasPrefix(name, "#") {
			listed = append(listed, "`"+name+"`")
		}
	}
	want := strings.Join(listed, ", ")
	if got := strings.Join(strings.Fields(sentence), " "); !strings.HasSuffix(got, want) {
		t.Errorf("docs/user/python.md names %q, modules.txt %q", got, want)
	}
}
