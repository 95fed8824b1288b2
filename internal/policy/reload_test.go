package policy

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), text)
}

// watched is an enforcer over a folder that a test writes to.
type watched struct {
	*Enforcer
	t    *testing.T
	dir  string
	logs *lines
	all  *prometheus.Registry
}

func watch(t *testing.T, change ...func(*Options)) *watched {
	t.Helper()
	w := &watched{t: t, dir: t.TempDir(), logs: &lines{}, all: prometheus.NewRegistry()}
	o := Options{Dirs: []string{w.dir}, Log: slog.New(slog.NewTextHandler(w.logs, nil)), Registry: w.all}
	for _, c := range change {
		c(&o)
	}
	var err error
	if w.Enforcer, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return w
}

// metric returns the value of a counter or gauge.
func (w *watched) metric(name string) float64 {
	w.t.Helper()
	families, err := w.all.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue() // one of them is nil
		}
	}
	w.t.Fatalf("there is no metric %s", name)
	return 0
}

func (w *watched) write(file, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, file), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestChangesOfTheFilesHold(t *testing.T) {
	w := watch(t)
	ask := func(want bool) {
		t.Helper()
		w.Look(t.Context())
		if may(w.Enforcer, who("member"), "function:create", "mine") != want {
			t.Errorf("a member may not be asked for: want %v", want)
		}
	}
	ask(true)
	w.write("a.yaml", "function:create: [manager]\n")
	ask(false)
	w.write("a.yaml", "function:create: [member]\n") // as long, and in the same second
	ask(true)
	w.write("a.yaml", "# nothing\n")
	w.write("b.rego", "package faas.override\nallow contains \"function:create\" if false\n")
	ask(false)
	if err := os.Remove(filepath.Join(w.dir, "b.rego")); err != nil {
		t.Fatal(err)
	}
	ask(true)
	w.write("notes.txt", "no rule")
	ask(true)
	if n := w.metric("faas_policy_reloads_total"); n != 4 {
		t.Errorf("%v changes hold, want 4: a file without rules is none", n)
	}
}

func TestBrokenFilesAreRefusedAndLoggedOnce(t *testing.T) {
	w := watch(t)
	w.write("a.yaml", "function:create: [manager]\n")
	w.Look(t.Context())
	for n, broken := range []string{"function:create: [manager", "function:create: [nobody]\n"} {
		w.write("a.yaml", broken)
		for range 3 {
			w.Look(t.Context())
		}
		if told := w.logs.count("are not loaded"); told != n+1 {
			t.Errorf("told %d times of %d broken states\n%s", told, n+1, w.logs)
		}
		if w.metric("faas_policy_reload_failed") != 1 {
			t.Error("the metric does not tell")
		}
		if may(w.Enforcer, who("member"), "function:create", "mine") ||
			!may(w.Enforcer, who("manager"), "function:create", "mine") {
			t.Error("the rules before do not hold")
		}
	}
	if w.logs.count("a.yaml:1: there is no persona") != 1 {
		t.Errorf("file and line are not told:\n%s", w.logs)
	}
	w.write("a.yaml", "function:create: [manager]\n") // what it was
	w.Look(t.Context())
	if w.metric("faas_policy_reload_failed") != 0 {
		t.Error("the metric tells of what is mended")
	}
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

func TestWatchLooksUntilItIsTold(t *testing.T) {
	w := watch(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Watch(ctx, time.Millisecond)
	}()
	w.write("a.yaml", "function:create: []\n")
	for deadline := time.Now().Add(hangTimeout); may(w.Enforcer, who("member"), "function:create", "mine"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the change does not hold")
		}
	}
	stop()
	select {
	case <-ended:
	case <-time.After(hangTimeout):
		t.Error("Watch goes on")
	}
}

func TestDecisionsAreLogged(t *testing.T) {
	type key struct{}
	w := watch(t, func(o *Options) {
		o.LogDecisions = true
		o.RequestID = func(ctx context.Context) string { id, _ := ctx.Value(key{}).(string); return id }
	})
	ctx := context.WithValue(t.Context(), key{}, "req-1")
	id := who("reader")
	id.Token = faas.Secret("THE-TOKEN")
	for range 2 { // one that is remembered is logged too
		if w.Allow(ctx, id, "function:get", Target{ProjectID: "mine"}) != nil ||
			w.Allow(ctx, id, "function:create", Target{ProjectID: "mine"}) == nil {
			t.Fatal("a reader looks and does not write")
		}
	}
	for _, want := range []string{
		`msg="policy decision" rule=function:get allowed=true user_id=u project_id=mine roles=[reader] target_project_id=mine request_id=req-1`,
		`msg="policy decision" rule=function:create allowed=false user_id=u project_id=mine roles=[reader] target_project_id=mine request_id=req-1`,
	} {
		if w.logs.count(want) != 2 {
			t.Errorf("%s is not there twice:\n%s", want, w.logs)
		}
	}
	if w.logs.count("THE-TOKEN") > 0 {
		t.Error("the token is in the log")
	}
	silent := watch(t)
	_ = silent.Allow(ctx, id, "function:get", Target{ProjectID: "mine"})
	if silent.logs.count("decision") > 0 {
		t.Error("decisions are logged though nobody asked for that")
	}
}
