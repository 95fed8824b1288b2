package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// longest is how many lines of code a page shows; of longer code it has a link.
const longest = 60

// TestPagesShowExamples looks in the manual for each example: a link to its code, and the code as
// it is.
func TestPagesShowExamples(t *testing.T) {
	paths, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, string(text))
	}
	sources, err := filepath.Glob("*/main.*")
	if err != nil || len(sources) < 6 {
		t.Fatalf("there are %d examples, %v", len(sources), err)
	}
	for _, path := range sources {
		code, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		link, shown := "[examples/"+path+"](examples/"+path+")", "```python\n"+string(code)+"```\n"
		found := false
		for _, page := range pages {
			if strings.Contains(page, link) {
				found = found || strings.Contains(page, shown) || strings.Count(string(code), "\n") > longest
			}
		}
		if !found {
			t.Errorf("no page of the manual has both the link %s and the code as it is", link)
		}
	}
}
