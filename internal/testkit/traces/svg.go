package traces

import (
	"bytes"
	"fmt"
	"html"
	"time"
)

// The measures of a picture, in its own units.
const (
	rowHeight  = 22
	nameWidth  = 330
	timeWidth  = 520
	rightSpace = 90
)

// SVG draws the spans of one trace: a line each, in the order of Tree, over the time that the whole
// took.
func SVG(spans []Span) []byte {
	rows := InTree(spans)
	if len(rows) == 0 {
		return nil
	}
	begun, ended := rows[0].Begun, rows[0].Ended
	for _, r := range rows {
		if r.Begun.Before(begun) {
			begun = r.Begun
		}
		if r.Ended.After(ended) {
			ended = r.Ended
		}
	}
	whole := max(ended.Sub(begun), time.Microsecond)
	at := func(t time.Time) float64 {
		return nameWidth + float64(t.Sub(begun))/float64(whole)*timeWidth
	}
	var b bytes.Buffer
	height := (len(rows) + 1) * rowHeight
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="12"`)
	fmt.Fprintf(&b, ` viewBox="0 0 %d %d">`+"\n",
		nameWidth+timeWidth+rightSpace, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	colours := []string{"#1f5c99", "#2f7fbf", "#4a9d6e", "#7fb24a", "#c9a227", "#d17b2c", "#b5523b"}
	for i, r := range rows {
		y := i*rowHeight + rowHeight
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#222222">%s</text>`+"\n", 8+14*r.Depth, y, html.EscapeString(r.Name))
		x, w := at(r.Begun), max(at(r.Ended)-at(r.Begun), 1)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="12" rx="2" fill="%s"/>`+"\n",
			x, y-10, w, colours[r.Depth%len(colours)])
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#555555" font-size="10">%.2f ms</text>`+"\n", x+w+4, y,
			float64(r.Ended.Sub(r.Begun))/float64(time.Millisecond))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// Row is a span and how far in the tree it is, 0 for one without a parent.
type Row struct {
	Span
	Depth int
}

// InTree returns the spans in the order of their tree.
func InTree(spans []Span) (rows []Row) {
	there := map[string]bool{}
	for _, one := range spans {
		there[one.ID] = true
	}
	var add func(parent string, depth int)
	add = func(parent string, depth int) {
		for _, one := range spans {
			if one.Parent == parent && parent != "" || parent == "" && !there[one.Parent] {
				rows = append(rows, Row{one, depth})
				add(one.ID, depth+1)
			}
		}
	}
	add("", 0)
	return rows
}
