package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/jsonlines"
	"github.com/openstack-faas/faas/internal/proctree"
	"github.com/openstack-faas/faas/internal/supervision"
)

// supervisorClient returns orders to the supervisor in the runtime's container: the first process
// that connects, which is before any code of a function's runs.
type supervisorClient struct {
	runDir string
	wait   sync.WaitGroup
	gone   chan struct{} // closed when the supervisor is gone; why is set before

	mu      sync.Mutex
	conn    net.Conn // nil before Start
	hello   supervision.Report
	last    int                             // id of the newest order
	pending map[int]chan supervision.Report // of orders that were not answered
	why     error
}

func newSupervisorClient(runDir string) *supervisorClient {
	return &supervisorClient{runDir: runDir, gone: make(chan struct{}), pending: map[int]chan supervision.Report{}}
}

// Start waits for the supervisor as long as ctx allows, because its image may have to be pulled
// first.
func (s *supervisorClient) Start(ctx context.Context, l supervision.Launch, ended func(error)) error {
	conn, err := s.accept(ctx)
	if err != nil {
		return fmt.Errorf("wait for the supervisor: %w", err)
	}
	lines := jsonlines.NewReader(conn, jsonlines.MaxControlLine)
	if s.hello, err = readHello(conn, lines); err != nil {
		conn.Close()
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.wait.Go(func() { s.listen(lines, ended) })
	_, err = s.order(supervision.Order{Type: supervision.OrderStart, Launch: &l})
	return err
}

// accept takes one connection; there is never another.
func (s *supervisorClient) accept(ctx context.Context) (net.Conn, error) {
	path := filepath.Join(s.runDir, supervision.Socket)
	l, err := listenUnix(ctx, path)
	if err != nil {
		return nil, err
	}
	defer l.Close() // removes the name too
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	conn, err := l.Accept()
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	return conn, err
}

func readHello(conn net.Conn, lines *jsonlines.Reader) (supervision.Report, error) {
	_ = conn.SetReadDeadline(time.Now().Add(firstLineTimeout))
	first, err := lines.Next()
	if err != nil {
		return supervision.Report{}, err
	}
	hello, err := supervision.DecodeReport(first)
	if err == nil && (hello.Type != supervision.ReportHello || hello.Protocol != supervision.Version) {
		err = fmt.Errorf("the supervisor speaks version %d of the protocol, this agent %d",
			hello.Protocol, supervision.Version)
	}
	_ = conn.SetReadDeadline(time.Time{})
	return hello, err
}

// listenUnix listens on a path to which any user may connect who can reach it.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	l, err := listen(ctx, "unix:"+path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil { // the directory's mode decides who can reach it
		l.Close()
		return nil, err
	}
	return l, nil
}

// listen hears the supervisor until it is gone.
func (s *supervisorClient) listen(lines *jsonlines.Reader, ended func(error)) {
	for {
		line, err := lines.Next()
		var r supervision.Report
		if err == nil {
			r, err = supervision.DecodeReport(line)
		}
		if err != nil {
			err = fmt.Errorf("the runtime's supervisor is gone: %w", err)
			s.lose(err)
			ended(err)
			return
		}
		switch r.Type {
		case supervision.ReportEnded:
			ended(errors.New(r.Error))
		case supervision.ReportDone:
			s.answered(r)
		case supervision.ReportHello: // said already
		}
	}
}

func (s *supervisorClient) answered(r supervision.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.pending[r.ID]; answer != nil {
		delete(s.pending, r.ID)
		answer <- r
	}
}

func (s *supervisorClient) lose(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
	s.conn.Close()
	close(s.gone)
}

// orderTimeout bounds how long the supervisor may take for an order. It shares the function's CPU,
// which may be little.
const orderTimeout = proctree.KillTimeout + time.Second

// order has an order carried out and returns the value that the supervisor reports for it.
func (s *supervisorClient) order(o supervision.Order) (value int64, err error) {
	answer, err := s.send(o)
	if err != nil {
		return 0, err
	}
	late := time.NewTimer(orderTimeout)
	defer late.Stop()
	select {
	case r := <-answer:
		if r.Error != "" {
			err = errors.New(r.Error)
		}
		return r.Value, err
	case <-s.gone:
		return 0, s.why
	case <-late.C:
		return 0, fmt.Errorf("the runtime's supervisor did not answer within %s", orderTimeout)
	}
}

func (s *supervisorClient) send(o supervision.Order) (<-chan supervision.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return nil, s.why
	}
	s.last++
	o.ID = s.last
	answer := make(chan supervision.Report, 1)
	s.pending[o.ID] = answer
	_ = s.conn.SetWriteDeadline(time.Now().Add(rootTimeout))
	if _, err := s.conn.Write(jsonlines.Encode(o)); err != nil {
		return nil, fmt.Errorf("write to the supervisor: %w", err)
	}
	return answer, nil
}

// Bounded implements processes.
func (s *supervisorClient) Bounded() bool { return s.hello.Bounded }

// OOMKills implements processes.
func (s *supervisorClient) OOMKills() (int, error) {
	n, err := s.order(supervision.Order{Type: supervision.OrderOOMKills})
	return int(n), err
}

// Footprint implements processes.
func (s *supervisorClient) Footprint() int64 {
	n, err := s.order(supervision.Order{Type: supervision.OrderFootprint})
	if err != nil {
		return 0
	}
	return n
}

// Hold implements processes. A supervisor of an older image does not know the order, and the
// function has its pool's ceiling until its own limit is set.
func (s *supervisorClient) Hold(bound int64) (bool, error) {
	n, err := s.order(supervision.Order{Type: supervision.OrderHold, Bound: bound})
	return n != 0, err
}

// Judge implements processes.
func (s *supervisorClient) Judge(slot int) (proctree.Held, error) {
	n, err := s.order(supervision.Order{Type: supervision.OrderJudge, Slot: slot})
	return proctree.Held(n), err
}

// Sweep implements processes.
func (s *supervisorClient) Sweep(slot int) error {
	_, err := s.order(supervision.Order{Type: supervision.OrderSweep, Slot: slot})
	return err
}

// End waits until the supervisor, having ended everything else, ends too.
func (s *supervisorClient) End() error {
	s.mu.Lock()
	started := s.conn != nil
	s.mu.Unlock()
	if !started {
		return nil
	}
	_, failed := s.order(supervision.Order{Type: supervision.OrderEnd})
	select {
	case <-s.gone:
		failed = nil // everything ends with the supervisor
	default:
	}
	s.conn.Close()
	s.wait.Wait()
	return failed
}
