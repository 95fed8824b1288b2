package functional

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// series is what a query had over a time.
type series struct {
	Metric map[string]string
	Values [][2]any // seconds since 1970, and a number as text
}

// over returns what a query had each second.
func (p prometheus) over(query string, from, to time.Time) []series {
	p.Helper()
	var got struct{ Data struct{ Result []series } }
	const path = "/api/v1/query_range?query=%s&start=%d&end=%d&step=1"
	p.get(fmt.Sprintf(path, url.QueryEscape(query), from.Unix(), to.Unix()), &got)
	return got.Data.Result
}

// The measures of a chart, in its own units.
const (
	chartWidth  = 900
	chartHeight = 150
	chartLeft   = 60
	chartRight  = 160
)

// chart draws a query's series over a time.
type chart struct {
	top      int // of its title
	title    string
	all      []series
	from, to time.Time
	marks    map[string]time.Time // when something was done to the service
}

var colours = []string{"#1f5c99", "#c9772b", "#4a9d6e", "#8b4aa5", "#b5523b", "#777777"}

func (c chart) draw(b *bytes.Buffer) {
	most := 1e-9
	for _, s := range c.all {
		s.each(c.from, func(_, y float64) { most = max(most, y) })
	}
	bottom := c.top + chartHeight - 10
	wide := float64(chartWidth-chartLeft-chartRight) / c.to.Sub(c.from).Seconds()
	write(b, chartLeft, c.top+14, 13, "#222", c.title)
	write(b, 4, c.top+30, 10, "#555", fmt.Sprintf("%.3g", most))
	write(b, 4, bottom, 10, "#555", "0")
	for name, at := range c.marks {
		x := chartLeft + int(at.Sub(c.from).Seconds()*wide)
		fmt.Fprintf(
			b, `<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="#b00" stroke-dasharray="4 3"/>`+"\n", x, x, c.top+20, bottom,
		)
		write(b, x+3, c.top+29, 10, "#b00", name)
	}
	for i, s := range c.all {
		var points []string
		s.each(c.from, func(x, y float64) {
			points = append(points, fmt.Sprintf("%.1f,%.1f", chartLeft+x*wide, float64(bottom)-y/most*(chartHeight-45)))
		})
		colour := colours[i%len(colours)]
		fmt.Fprintf(
			b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n", colour, strings.Join(points, " "),
		)
		names := slices.Sorted(maps.Values(s.Metric))
		write(b, chartWidth-chartRight+8, c.top+40+14*i, 11, colour, strings.Join(names, " "))
	}
}

// each calls do with every number of the series and the seconds since the time.
func (s series) each(from time.Time, do func(x, y float64)) {
	for _, v := range s.Values {
		y, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
		if at, ok := v[0].(float64); ok && err == nil && y == y { // NaN is what a quantile of nothing is
			do(at-float64(from.Unix()), y)
		}
	}
}

func write(b *bytes.Buffer, x, y, size int, colour, text string) {
	fmt.Fprintf(
		b, `<text x="%d" y="%d" font-size="%d" fill="%s">%s</text>`+"\n", x, y, size, colour, html.EscapeString(text),
	)
}

// TestFaultPicture draws docs/admin/fault.svg when FAULT_PICTURE names it: the service under load
// loses all its workers.
func TestFaultPicture(t *testing.T) {
	picture := os.Getenv("FAULT_PICTURE")
	if picture == "" {
		t.Skip("FAULT_PICTURE is not set: a picture is drawn for the documentation only")
	}
	ctx, cancel := context.WithTimeout(testContext(t), 10*time.Minute)
	defer cancel()
	s, p := monitored(ctx, t)
	unload := underLoad(ctx, t, newest(s.Client))
	pause := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	pause(30 * time.Second)
	from, marks := time.Now(), map[string]time.Time{}
	pause(30 * time.Second)
	marks["all workers are killed"] = time.Now()
	out, err := exec.Command("pkill", "-KILL", "-P", strconv.Itoa(s.PID())).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	pause(60 * time.Second)
	to := time.Now()
	unload()
	shown := []struct{ title, query string }{
		{"Calls a second, by what came of them", `sum by (outcome) (rate(faas_dispatch_calls_total[5s]))`},
		{
			"Cold starts: wait for a worker, p95 in seconds",
			`histogram_quantile(0.95, sum by (le) (rate(faas_dispatch_wait_seconds_bucket{for="worker"}[10s])))`,
		},
		{"Workers, by state", `sum by (state) (faas_engine_workers)`},
		{"Slots used", `sum(faas_dispatch_used_slots)`},
		{"Time of a call, p95 in seconds", `histogram_quantile(0.95, sum by (le) (
			rate(faas_api_request_duration_seconds_bucket{route="/v1/executions",method="POST"}[10s])))`},
	}
	var b bytes.Buffer
	fmt.Fprintf(
		&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif">`+"\n", chartWidth,
		chartHeight*len(shown)+10,
	)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for i, one := range shown {
		chart{i * chartHeight, one.title, p.over(one.query, from, to), from, to, marks}.draw(&b)
	}
	b.WriteString("</svg>\n")
	if err := os.WriteFile(picture, b.Bytes(), 0o600); err != nil {
		t.Error(err)
	}
}
