package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// line is the way of a process to a server. It can be cut, and mended.
type line struct {
	address, target string
	copying         sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil: it is cut
	conns    []net.Conn
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	l := &line{address: "127.0.0.1:0", target: target}
	l.mend(t)
	t.Cleanup(l.cut)
	return l
}

// mend has connections go through from now on, by the same address.
func (l *line) mend(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener, l.address = listener, listener.Addr().String()
	l.copying.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", l.target)
			if err != nil || !l.add(client, server) {
				client.Close()
				continue
			}
			for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
				l.copying.Go(func() {
					_, _ = io.Copy(ends[0], ends[1])
					ends[0].Close()
				})
			}
		}
	})
}

// add remembers both ends of a connection; false when the line was cut meanwhile.
func (l *line) add(client, server net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		server.Close()
		return false
	}
	l.conns = append(l.conns, client, server)
	return true
}

// cut ends the connections as they are, and has none made.
func (l *line) cut() {
	l.mu.Lock()
	if l.listener != nil {
		l.listener.Close()
	}
	for _, c := range l.conns {
		c.Close()
	}
	l.listener, l.conns = nil, nil
	l.mu.Unlock()
	l.copying.Wait()
}

// through returns a URL whose server is reached by the line.
func (l *line) through(t *testing.T, at string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.address
	return u.String()
}

// measured adds up an engine's metric where a label has the value.
func (r *rig) measured(e *Engine, name, value string) (n float64) {
	r.Helper()
	registry := prometheus.NewRegistry()
	e.Register(registry)
	families, err := registry.Gather()
	r.must(err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetValue() == value {
					n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
	}
	return n
}

// fired returns how many executions of jobs an engine has made.
func (r *rig) fired(e *Engine) float64 {
	return r.measured(e, "faas_executions_submitted_total", "queued")
}

// limitless is a driver of quotas that has none, and does something first that a test wants done while
// somebody asks: between taking a job in hand and recording its execution.
type limitless struct {
	quota.Driver
	asked func()
}

func (l *limitless) Limits(context.Context, string) (faas.Amounts, error) {
	l.asked()
	return nil, nil
}

// halves is two engines on MariaDB and RabbitMQ, each of which owns half of the shards. The first
// goes by lines, and asks for quotas.
func halves(t *testing.T, asked func()) (r *rig, second *Engine, lines []*line) {
	t.Helper()
	database, server := mariadb(t), rabbitmq(t)
	url := database.Database(t)
	r = newRigOn(t, url, func() broker.Broker { return connectTo(t, server.URL()) }, func(l *Limits) {
		l.PoolSize, l.AsyncParallel = 4, 32
	})
	lines = []*line{newLine(t, database.Address()), newLine(t, server.Address())}
	own, err := store.Open(t.Context(), lines[0].through(t, url), store.Options{
		Log: slog.New(slog.DiscardHandler), WriteTimeout: time.Second,
	})
	r.must(err)
	t.Cleanup(func() { own.Close() })
	r.with(func(c *Config) {
		c.Store, c.Broker = own, connectTo(t, lines[1].through(t, server.URL()))
		c.Calls = quota.NewCalls(quota.New(quota.Config{Driver: &limitless{asked: func() { asked() }}}), own.Shards(), nil)
	})
	r.run()
	second = r.another("engine-2")
	stop := r.start(second)
	t.Cleanup(stop)
	<-second.Ready()
	shards := int(r.store.Shards())
	r.await("both own shards", func() bool { return owned(r.engine) == shards/2 && owned(second) == shards/2 })
	return r, second, lines
}

// ticking is a job, and the ids of the executions that it is to have: one for each of its times.
type ticking struct {
	job   faas.Job
	times map[string]bool
}

// ticking makes a job that is executed every so many seconds for as many seconds together as it says.
func (r *rig) ticking(f faas.Function, first time.Time, every, together int) ticking {
	r.Helper()
	count := together / every
	j, err := r.store.CreateJob(r.Context(), faas.Job{
		ProjectID: project, Calls: faas.FunctionRef{FunctionID: f.ID}, Pattern: fmt.Sprint("* * * * * */", every),
		Count: count, Status: faas.JobRunning, NextAt: first,
	}, nil)
	r.must(err)
	k := ticking{j, map[string]bool{}}
	for n := range count {
		k.times[faas.IDOf(j.ID, first.Add(time.Duration(n*every)*time.Second))] = true
	}
	return k
}

// executionsOf returns those of a job.
func (r *rig) executionsOf(j faas.Job) []faas.Execution {
	r.Helper()
	page, err := r.store.Executions(r.Context(), faas.AnyProject(), faas.Query{
		Filters: []faas.Filter{{Field: "description", Op: "eq", Values: []string{"Created by Job " + j.ID}}},
	})
	r.must(err)
	return page.Items
}

// TestJobsWhenAnEngineDies has two engines execute 50 jobs, each second or every other. For one both
// database and RabbitMQ are gone from one moment to the next, while it has jobs in hand, and its half
// of the jobs is the other's. When it comes back, what it had begun is no longer its own. Each time of each job has one
// execution, and that ran once.
func TestJobsWhenAnEngineDies(t *testing.T) {
	var cut atomic.Pointer[func()]
	r, second, lines := halves(t, func() {
		if f := cut.Load(); f != nil {
			(*f)()
		}
	})
	var once sync.Once
	dead := make(chan struct{})
	die := func() {
		if r.fired(r.engine) < 100 || r.measured(r.engine, "faas_due_work_running", store.JobExecution) == 0 {
			return
		}
		once.Do(func() {
			for _, l := range lines {
				l.cut()
			}
			close(dead)
		})
	}
	cut.Store(&die)
	f, first := r.function(echo), time.Now().Add(2*time.Second).Truncate(2*time.Second)
	var jobs []ticking
	for n := range 50 {
		jobs = append(jobs, r.ticking(f, first, 1+n%2, 16))
	}
	<-dead
	before := r.fired(r.engine)
	for _, k := range jobs {
		r.await("a job is done", func() bool {
			j, err := r.store.Job(t.Context(), faas.AnyProject(), k.job.ID)
			r.must(err)
			return j.Status == faas.JobDone
		})
		for _, x := range r.executionsOf(k.job) {
			r.ended(x.ID)
		}
	}
	for _, l := range lines {
		l.mend(t)
	}
	r.stop()
	settled := 0
	for _, k := range jobs {
		got := map[string]bool{}
		for _, x := range r.executionsOf(k.job) {
			got[x.ID] = true
			switch {
			case x.Attempts == 1 && x.Status == faas.ExecutionSuccess:
			case x.Attempts == 1 && x.Status == faas.ExecutionError: // the first engine was running it
				settled++
			default:
				t.Errorf("got %+v", x)
			}
		}
		if !maps.Equal(got, k.times) {
			t.Errorf("%s has %d executions, want each of %d times", k.job.Pattern, len(got), len(k.times))
		}
	}
	t.Logf("the first engine made %v executions, the second %v; %d were settled", before, r.fired(second), settled)
	if r.fired(second) < before {
		t.Error("the second engine made few")
	}
}
