package api

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
)

// service is an API on real parts: SQLite, files, the in-process broker. Only the workers are a
// function of the test's.
type service struct {
	t       testing.TB
	server  *httptest.Server
	store   *store.Store
	code    *codestore.Files
	broker  broker.Broker
	api     *Server
	cfg     Config // that the API was made with
	logs    *lockedBuffer
	changed chan faas.FunctionChanged // what was broadcast of functions
	queued  chan string               // ids of executions that were enqueued

	mu   sync.Mutex
	call dispatch.Call
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// project is the one of the noauth identity in tests.
const project = "p-one"

func newService(t testing.TB, change ...func(*Config)) *service {
	t.Helper()
	dir := t.TempDir()
	s := &service{
		t:       t,
		logs:    &lockedBuffer{},
		changed: make(chan faas.FunctionChanged, 100),
		queued:  make(chan string, 100),
	}
	s.openParts(dir)
	enforcer, err := policy.New(t.Context(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engines := engineclient.New(s.broker, s.store.Shards())
	s.cfg = Config{
		Name: "test", Auth: headerAuth{}, Policy: enforcer, Store: s.store, Code: s.code, Broker: s.broker,
		Engines: engines, Caller: engineclient.NewCaller(engines, s.worker, time.Second),
		Limits: faas.DefaultLimits(), SpoolDir: dir, Log: slog.New(slog.NewTextHandler(s.logs, nil)),
		Registry: prometheus.NewRegistry(),
	}
	for _, c := range change {
		c(&s.cfg)
	}
	s.answer(echo)
	s.api = New(s.cfg)
	t.Cleanup(s.api.Close)
	s.server = httptest.NewServer(s.api)
	t.Cleanup(s.server.Close)
	return s
}

// worker runs a call as the test says.
func (s *service) worker(
	ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
) (faas.Outcome, error) {
	s.mu.Lock()
	f := s.call
	s.mu.Unlock()
	return f(ctx, target, call, begin)
}

func (s *service) openParts(dir string) {
	s.t.Helper()
	ctx := s.t.Context()
	url := cmp.Or(os.Getenv(peakDatabase), "sqlite:///"+filepath.Join(dir, "faas.sqlite"))
	storetest.Migrate(s.t, url)
	var err error
	if s.store, err = store.Open(ctx, url, store.Options{StatisticsEvery: 10 * time.Millisecond}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.store.Close() })
	if s.code, err = codestore.NewFiles(filepath.Join(dir, "packages")); err != nil {
		s.t.Fatal(err)
	}
	s.broker = broker.NewInProcess()
	s.t.Cleanup(func() { s.broker.Close() })
	s.engine()
}

// engine plays the part of the engine: pools come up at once.
func (s *service) engine() {
	ctx := context.Background() // until the broker closes
	_, err := s.broker.Consume(ctx, faas.QueueRuntimes, 1, func(ctx context.Context, body []byte) error {
		var req faas.RuntimeRequest
		if err := json.Unmarshal(body, &req); err != nil {
			return err
		}
		err := s.store.SetRuntimeStatus(ctx, req.RuntimeID, faas.RuntimeAvailable, "")
		if faas.KindOf(err) == faas.NotFound {
			return nil
		}
		return err
	})
	s.must(err)
	for lane := range faas.ExecutionLanes {
		_, err = s.broker.Consume(ctx, faas.ExecutionsQueueOf(lane), 1, func(_ context.Context, body []byte) error {
			s.queued <- string(body)
			return nil
		})
		s.must(err)
	}
	_, err = s.broker.Serve(ctx, faas.MethodPool, 1, func(context.Context, json.RawMessage) (any, error) {
		return faas.Pool{Total: 3, Available: 2}, nil
	})
	s.must(err)
	_, err = s.broker.Subscribe(ctx, faas.TopicFunction, func(body []byte) {
		var change faas.FunctionChanged
		if json.Unmarshal(body, &change) == nil {
			s.changed <- change
		}
	})
	s.must(err)
}

func (s *service) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// answer sets what workers do.
func (s *service) answer(call dispatch.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call = call
}

// echo returns a call's input.
func echo(ctx context.Context, _ faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
	if err := begin(ctx); err != nil {
		return faas.Outcome{}, err
	}
	output := call.Input
	if len(output) == 0 {
		output = json.RawMessage("null")
	}
	return faas.Outcome{
		Status:   faas.ExecutionSuccess,
		Output:   output,
		Duration: 1500 * time.Microsecond,
		Log:      "printed\n",
	}, nil
}
