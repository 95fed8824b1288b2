package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The widths that lines of code and of comment stay within, in characters; a tab counts as one.
const (
	codeWidth    = 120
	commentWidth = 100
)

// code is what is counted of a set of files.
type code struct {
	files     []int          // lines of each
	functions []named        // lines of each
	methods   map[string]int // by package and type
	packages  map[string]int // files of each

	lines, commentLines         int // that are not blank; a line with code and a comment is one of code
	longLines, longCommentLines int
	exported, documented        int
	commentWords                int
	verbs                       map[string]int // in comments
}

type named struct {
	name string
	n    int
}

// counted are the verbs whose use in comments is counted: Go says "returns" and "reports whether".
var counted = []string{"gives", "tells", "returns", "reports"}

var word = regexp.MustCompile(`[A-Za-z]+`)

func newCode() *code {
	return &code{methods: map[string]int{}, packages: map[string]int{}, verbs: map[string]int{}}
}

// add counts one file.
func (c *code) add(name string, text []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	c.packages[path.Dir(name)]++
	c.countLines(text, commentsOnly(set, file, text))
	for _, group := range file.Comments {
		for _, w := range word.FindAllString(group.Text(), -1) {
			c.commentWords++
			if w = strings.ToLower(w); slices.Contains(counted, w) {
				c.verbs[w]++
			}
		}
	}
	for _, declared := range file.Decls {
		c.declaration(set, name, declared)
	}
	return nil
}

// commentsOnly returns the lines, from 1, that hold a comment and nothing else.
func commentsOnly(set *token.FileSet, file *ast.File, text []byte) map[int]bool {
	only := map[int]bool{}
	lines := bytes.Split(text, []byte("\n"))
	for _, group := range file.Comments {
		for _, comment := range group.List {
			from, to := set.Position(comment.Pos()), set.Position(comment.End())
			alone := len(bytes.TrimSpace(lines[from.Line-1][:from.Column-1])) == 0
			for line := from.Line; line <= to.Line; line++ {
				only[line] = alone || line > from.Line
			}
		}
	}
	return only
}

func (c *code) countLines(text []byte, comments map[int]bool) {
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	c.files = append(c.files, len(all))
	for i, line := range all {
		if strings.TrimSpace(line) == "" {
			continue
		}
		c.lines++
		width := utf8.RuneCountInString(line)
		if width > codeWidth {
			c.longLines++
		}
		if comments[i+1] {
			c.commentLines++
			if width > commentWidth {
				c.longCommentLines++
			}
		}
	}
}

func (c *code) declaration(set *token.FileSet, file string, declared ast.Decl) {
	switch d := declared.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			of := receiver(d.Recv.List[0].Type)
			c.methods[path.Dir(file)+"."+of]++
			name = of + "." + name
		}
		c.functions = append(c.functions, named{
			path.Dir(file) + "." + name, set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1,
		})
		c.export(d.Name, d.Doc != nil)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				c.export(s.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
			case *ast.ValueSpec:
				c.export(s.Names[0], d.Doc != nil || s.Doc != nil || s.Comment != nil)
			}
		}
	}
}

func (c *code) export(name *ast.Ident, documented bool) {
	if !name.IsExported() {
		return
	}
	c.exported++
	if documented {
		c.documented++
	}
}

// receiver returns the name of a method's type.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

func (c *code) print(out io.Writer, title string, top int) {
	functions := make([]int, 0, len(c.functions))
	for _, f := range c.functions {
		functions = append(functions, f.n)
	}
	fmt.Fprintf(
		out, "%s: %d lines that are not blank, in %d files of %d packages\n", title, c.lines, len(c.files),
		len(c.packages),
	)
	fmt.Fprintf(out, "  file      %s lines\n", spread(c.files))
	fmt.Fprintf(out, "  function  %s lines\n", spread(functions))
	fmt.Fprintf(out, "  comments  %s of lines; lines over %d columns %s, of comments over %d %s\n",
		percent(c.commentLines, c.lines), codeWidth, percent(c.longLines, c.lines),
		commentWidth, percent(c.longCommentLines, c.commentLines))
	fmt.Fprintf(out, "  exported with a doc comment %s\n", percent(c.documented, c.exported))
	fmt.Fprintf(out, "  in 1,000 words of comments (of %d):", c.commentWords)
	for _, verb := range counted {
		fmt.Fprintf(out, " %s %.1f", verb, 1000*float64(c.verbs[verb])/float64(max(c.commentWords, 1)))
	}
	fmt.Fprintln(out)
	largest(out, "methods of a type", fromMap(c.methods), top)
	largest(out, "lines of a function", c.functions, top)
	largest(out, "files of a package", fromMap(c.packages), top)
	fmt.Fprintln(out)
}

func fromMap(m map[string]int) (all []named) {
	for name, n := range m {
		all = append(all, named{name, n})
	}
	return all
}

func largest(out io.Writer, title string, all []named, top int) {
	slices.SortFunc(all, func(a, b named) int { return cmp.Or(b.n-a.n, strings.Compare(a.name, b.name)) })
	if top == 0 || len(all) == 0 {
		return
	}
	fmt.Fprintf(out, "  %s:", title)
	for _, one := range all[:min(top, len(all))] {
		fmt.Fprintf(out, " %s %d,", one.name, one.n)
	}
	fmt.Fprintln(out)
}

// spread returns the median, the nine-tenths point and the most of the numbers.
func spread(n []int) string {
	if len(n) == 0 {
		return "none"
	}
	slices.Sort(n)
	return fmt.Sprintf("median %d, 90 %% up to %d, most %d", n[len(n)/2], n[len(n)*9/10], n[len(n)-1])
}

func percent(part, whole int) string {
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(max(whole, 1)))
}
