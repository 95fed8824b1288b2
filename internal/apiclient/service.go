package apiclient

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// Service is a faas-standalone process that was started for a demonstration, a measurement or a
// test.
type Service struct {
	Client *Client
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process was waited for
	err    error         // how it ended; to be read after ended
}

// StartService starts the binary on a free loopback port with its state in dir, logging to log, and
// waits till it answers.
func StartService(ctx context.Context, binary, dir string, log io.Writer, args ...string) (*Service, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	args = append([]string{"--listen", address, "--state-dir", dir}, args...)
	cmd := exec.Command(binary, args...) //nolint:noctx // it is stopped by Stop or Kill
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	s := &Service{Client: &Client{Endpoint: "http://" + address}, cmd: cmd, ended: make(chan struct{})}
	go func() {
		s.err = cmd.Wait()
		close(s.ended)
	}()
	if err := s.awaitAnswer(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Address is where the service listens.
func (s *Service) Address() string { return s.Client.Endpoint[len("http://"):] }

// PID is the service's process id.
func (s *Service) PID() int { return s.cmd.Process.Pid }

func (s *Service) awaitAnswer(ctx context.Context) error {
	for {
		err := s.Client.Do(ctx, "GET", "/", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the service ended by itself: %w", s.err)
		case <-ctx.Done():
			return fmt.Errorf("the service does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop asks the service to end and waits for it.
func (s *Service) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended, which is what is wanted
	return s.Wait()
}

// Wait waits for the end of a service that has been told to end, and returns how it ended.
func (s *Service) Wait() error {
	<-s.ended
	return s.err
}

// Kill ends the service as a crash would and waits for it.
func (s *Service) Kill() {
	_ = s.cmd.Process.Kill() // as above
	<-s.ended
}

func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
