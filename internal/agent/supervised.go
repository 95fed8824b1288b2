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
)

// supervised is the place beneath a supervisor: the first one that connects, which is before any code of a function's runs.
type supervised struct {
	runDir string
	wait   sync.WaitGroup
	gone   chan struct{} // closed when the supervisor is; why is set before

	mu      sync.Mutex
	conn    net.Conn // nil before start
	hello   report
	last    int                 // id of the newest order
	pending map[int]chan report // of orders that were not answered
	why     error
}

func newSupervised(runDir string) *supervised {
	return &supervised{runDir: runDir, gone: make(chan struct{}), pending: map[int]chan report{}}
}

// start waits for the supervisor as long as ctx allows, for its image may have to be fetched first.
func (s *supervised) start(ctx context.Context, l launch, ended func(error)) error {
	conn, err := s.meet(ctx)
	if err != nil {
		return fmt.Errorf("wait for the supervisor: %w", err)
	}
	lines := newLineReader(conn, maxControlLine)
	_ = conn.SetReadDeadline(time.Now().Add(firstLinePatience))
	first, err := lines.next()
	if err == nil {
		s.hello, err = decodeReport(first)
	}
	if err == nil && (s.hello.Type != reportHello || s.hello.Protocol != supervisionVersion) {
		err = fmt.Errorf("the supervisor speaks version %d of the protocol, this agent %d", s.hello.Protocol, supervisionVersion)
	}
	if err != nil {
		conn.Close()
		return err
	}
	_ = conn.SetReadDeadline(time.Time{})
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.wait.Go(func() { s.listen(lines, ended) })
	_, err = s.ask(order{Type: orderStart, Launch: &l})
	return err
}

// meet takes one connection; there is never another.
func (s *supervised) meet(ctx context.Context) (net.Conn, error) {
	path := filepath.Join(s.runDir, supervisorSocket)
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

// listenUnix listens on a path to which any user may connect who gets there.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	l, err := listen(ctx, "unix:"+path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o666); err != nil { // the directory decides who gets here
		l.Close()
		return nil, err
	}
	return l, nil
}

// listen hears the supervisor until it is gone.
func (s *supervised) listen(lines *lineReader, ended func(error)) {
	for {
		line, err := lines.next()
		var r report
		if err == nil {
			r, err = decodeReport(line)
		}
		if err != nil {
			err = fmt.Errorf("the runtime's supervisor is gone: %w", err)
			s.lose(err)
			ended(err)
			return
		}
		switch r.Type {
		case reportEnded:
			ended(errors.New(r.Error))
		case reportDone:
			s.settle(r)
		}
	}
}

func (s *supervised) settle(r report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer := s.pending[r.ID]; answer != nil {
		delete(s.pending, r.ID)
		answer <- r
	}
}

func (s *supervised) lose(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.why = why
	s.conn.Close()
	close(s.gone)
}

// orderPatience bounds how long the supervisor may take for an order. It shares the function's cpu, which may be little.
const orderPatience = killPatience + time.Second

// ask has an order carried out.
func (s *supervised) ask(o order) (value int64, err error) {
	answer, err := s.send(o)
	if err != nil {
		return 0, err
	}
	late := time.NewTimer(orderPatience)
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
		return 0, fmt.Errorf("the runtime's supervisor did not answer within %s", orderPatience)
	}
}

func (s *supervised) send(o order) (<-chan report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return nil, s.why
	}
	s.last++
	o.ID = s.last
	answer := make(chan report, 1)
	s.pending[o.ID] = answer
	_ = s.conn.SetWriteDeadline(time.Now().Add(rootPatience))
	if _, err := s.conn.Write(line(o)); err != nil {
		return nil, fmt.Errorf("tell the supervisor: %w", err)
	}
	return answer, nil
}

func (s *supervised) bounded() bool { return s.hello.Bounded }

func (s *supervised) oomKills() (int, error) {
	n, err := s.ask(order{Type: orderKills})
	return int(n), err
}

func (s *supervised) footprint() int64 {
	n, err := s.ask(order{Type: orderFootprint})
	if err != nil {
		return 0
	}
	return n
}

func (s *supervised) sweep(slot int) error {
	_, err := s.ask(order{Type: orderSweep, Slot: slot})
	return err
}

// end waits until the supervisor, having ended everything else, ends too.
func (s *supervised) end() error {
	s.mu.Lock()
	started := s.conn != nil
	s.mu.Unlock()
	if !started {
		return nil
	}
	_, failed := s.ask(order{Type: orderEnd})
	select {
	case <-s.gone:
		failed = nil // everything ends with the supervisor
	default:
	}
	s.conn.Close()
	s.wait.Wait()
	return failed
}
