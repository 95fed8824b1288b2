// Command bench measures faas-standalone, or with -cloud the service on its real parts, through its
// REST API, records committed, and in the same minutes what the machine and the parts allow: the
// floors. Beside each figure it prints what it is of its floors: machines differ, and one machine
// from hour to hour. It writes the numbers as JSON, too.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

func main() {
	var o options
	flag.StringVar(&o.service, "service", "bin/faas-standalone", "the faas-standalone binary")
	flag.BoolVar(&o.cloud, "cloud", false, "measure the mini cloud that is up, where .cloud/env says in the environment")
	flag.BoolVar(&o.flood, "flood", false, "measure the flood of notifications only")
	flag.BoolVar(&o.gateway, "gateway", false, "measure what a gateway to workers costs only")
	flag.BoolVar(&o.triggers, "triggers", false, "with -cloud, measure what triggers and notifications take only")
	flag.BoolVar(&o.sandbox, "sandbox", false, "with -cloud, measure what runtimes cost that are not trusted only")
	flag.BoolVar(&o.tls, "tls", false, "with -cloud, measure what TLS with the agents of workers costs only")
	flag.BoolVar(&o.spans, "spans", false, "with -cloud, measure where a cold call's time goes only, by its trace")
	flag.BoolVar(&o.rest, "rest", false, "with -cloud, measure memory at rest and many functions at once only")
	flag.StringVar(&o.openrc, "openrc", ".cloud/openrc-demo", "who calls where Keystone is asked")
	flag.IntVar(&o.burden, "burden", 0, "busy processes that run beside the service all the while")
	flag.StringVar(&o.out, "out", "bench/results", "the folder for the results")
	flag.DurationVar(&o.each, "each", 4*time.Second, "how long each rate is measured")
	flag.IntVar(&o.cold, "cold", 60, "fresh functions whose first call is measured")
	flag.IntVar(&o.async, "async", 1000, "asynchronous executions to drain")
	flag.Float64Var(&o.scale, "scale", 0, "measure what large numbers cost only: 1 is ten million records")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	service, out, openrc                     string
	cloud, flood, triggers, gateway, sandbox bool
	rest, tls, spans                         bool
	each                                     time.Duration
	burden, cold, async                      int
	scale                                    float64
}

// report is what one run found. Times are milliseconds, sizes MiB.
type report struct {
	At      time.Time `json:"at"`
	CPUs    int       `json:"cpus"`
	CPU     string    `json:"cpu"`
	Kernel  string    `json:"kernel"`
	Go      string    `json:"go"`
	Cloud   string    `json:"cloud,omitempty"` // the mini cloud that was measured; none for faas-standalone
	Burden  int       `json:"burden"`          // busy processes that ran beside it
	Busy    bool      `json:"busy,omitempty"`  // the machine had other things to do when it began
	Figures []figure  `json:"figures"`

	floors  map[string]float64 // the last value of each
	measure func() error       // measures the floors again
}

// figure is one line of the table.
type figure struct {
	What   string  `json:"what"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Ratio  float64 `json:"ratio,omitempty"` // to its floors: of a time how many times it is theirs, of a rate the share
	Target string  `json:"target,omitempty"`
}

func (r *report) add(what string, value float64, unit, target string) {
	r.put(figure{what, value, unit, 0, target})
}

// addTime reports a time in milliseconds beside the sum of its floors.
func (r *report) addTime(what string, value float64, floors []string, target string) {
	r.put(figure{what, value, "ms", r.times(value, floors), target})
}

func (r *report) put(f figure) {
	r.Figures = append(r.Figures, f)
	r.remember(f.What, f.Value)
	ratio := ""
	if f.Ratio > 0 {
		ratio = fmt.Sprintf("%.2f of floors", f.Ratio)
	}
	fmt.Printf("%-52s %10.2f %-8s %-16s %s\n", f.What, f.Value, f.Unit, ratio, f.Target)
}

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	busy, err := awaitIdle(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "faas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &report{
		At: time.Now().UTC(), CPUs: runtime.NumCPU(), CPU: cpuModel(), Kernel: kernel(), Go: runtime.Version(),
		Burden: o.burden, Busy: busy, floors: map[string]float64{},
	}
	fmt.Printf("%s, %d cpus, Linux %s, %s, burden %d\n\n", r.CPU, r.CPUs, r.Kernel, r.Go, r.Burden)
	stop, err := burden(ctx, o.burden)
	if err != nil {
		return err
	}
	defer stop()
	if o.scale > 0 {
		if err := scale(ctx, r, dir, o.scale, o.service); err != nil {
			return err
		}
		return r.write(o.out)
	}
	r.measure = func() error { return floors(ctx, r, dir) }
	if o.cloud {
		if err := cloud(ctx, r, o); err != nil || o.rest {
			return errors.Join(err, r.write(o.out))
		}
		if o.sandbox || o.tls || o.spans {
			return r.write(o.out)
		}
		if err := flood(ctx, r, os.Getenv("TRANSPORT_URL")); err != nil {
			return err
		}
		return r.write(o.out)
	}
	if !o.flood {
		if err := gateway(ctx, r, dir, filepath.Dir(o.service)); err != nil {
			return err
		}
	}
	if o.gateway {
		return r.write(o.out)
	}
	if !o.flood {
		if err := standalone(ctx, r, dir, o); err != nil {
			return err
		}
	}
	if err := rabbitFlood(ctx, r); err != nil {
		return err
	}
	return r.write(o.out)
}

// standalone measures a faas-standalone that it starts.
func standalone(ctx context.Context, r *report, dir string, o options) error {
	log, err := os.Create(filepath.Join(dir, "service.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s, err := apiclient.StartService(ctx, o.service, filepath.Join(dir, "state"), log)
	if err != nil {
		return err
	}
	if err := service(ctx, r, s, o); err != nil {
		_ = s.Stop()
		_, _ = log.Seek(0, io.SeekStart)
		tail, _ := io.ReadAll(log)
		return fmt.Errorf("%w\n%s", err, tail[max(0, len(tail)-4000):])
	}
	return s.Stop()
}

func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, r.At.Format("2006-01-02T150405Z")+".json")
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Println("\nwritten to", path)
	return nil
}

// awaitIdle waits till the machine does next to nothing else, so that the numbers are the service's
// own. It reports whether the machine was still busy after some time.
func awaitIdle(ctx context.Context) (busy bool, err error) {
	for range 60 {
		before, total := idleTicks()
		select {
		case <-ctx.Done():
			return true, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		after, totalAfter := idleTicks()
		if float64(after-before) > 0.9*float64(totalAfter-total) {
			return false, nil
		}
	}
	fmt.Println("the machine is not idle: the numbers will be worse than they could be")
	return true, nil
}

// idleTicks reads the first line of /proc/stat: user nice system idle …
func idleTicks() (idle, total int64) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line)[1:] {
		var n int64
		_, _ = fmt.Sscan(f, &n)
		total += n
		if i == 3 {
			idle = n
		}
	}
	return idle, total
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}
